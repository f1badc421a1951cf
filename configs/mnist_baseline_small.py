"""The classifier of configs/mnist_baseline.py, of 1,000 images.

python3 ebm_tf/train_clf.py configs/mnist_baseline_small.py

As few as the searches of configs/mnist_lalpha_small.py can be made of on a laptop.
"""

import dataclasses

from configs.mnist_baseline import config as learning

config = dataclasses.replace(
    learning,
    name="mnist_baseline_small",
    data=dataclasses.replace(learning.data, split="train[:1000]"),
    num_updates=1000,
    validate_every=200,
    log_every=100,
)
