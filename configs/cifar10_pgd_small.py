"""The same by adversarial training in l-infinity balls of 0.01, ten steps each.

python3 ebm_tf/train_clf.py configs/cifar10_pgd_small.py
"""

import dataclasses

from configs.cifar10_baseline_small import config as baseline
from configs.cifar10_pgd import config as published
from ebm_tf.config.attacks import Pgd

config = dataclasses.replace(
    baseline,
    name="cifar10_pgd_small",
    objective=published.objective,
    attack=Pgd(num_steps=10, step_size=0.32),
)
