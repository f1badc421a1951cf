"""The same by adversarial training in l-infinity balls of 0.3.

python3 ebm_tf/train_clf.py configs/mnist_pgd_small.py

Its normalisation is that of batches: with a frozen one it never left chance.
"""

import dataclasses

from configs.mnist_baseline_small import config as baseline
from configs.mnist_pgd import config as learning

config = dataclasses.replace(
    baseline,
    name="mnist_pgd_small",
    classifier=learning.classifier,
    objective=learning.objective,
    attack=learning.attack,
)
