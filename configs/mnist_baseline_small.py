"""The classifier of configs/mnist_baseline.py, of 1,000 images.

python3 ebm_tf/train_clf.py configs/mnist_baseline_small.py

As few as the searches of configs/mnist_lalpha_small.py can be made of on a laptop. Its
normalisation is frozen, as published: with that of batches L_alpha is learned where it
does not hold (docs/gradients.md).
"""

import dataclasses

from configs.mnist_baseline import config as learning

config = dataclasses.replace(
    learning,
    name="mnist_baseline_small",
    data=dataclasses.replace(learning.data, split="train[:1000]"),
    classifier=dataclasses.replace(learning.classifier, norm="frozen"),
    num_updates=1000,
    validate_every=200,
    log_every=100,
)
