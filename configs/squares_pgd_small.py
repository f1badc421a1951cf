"""The same by adversarial training in l-infinity balls of 0.2, ten steps each.

python3 ebm_tf/train_clf.py configs/squares_pgd_small.py
"""

import dataclasses

from configs.squares_baseline_small import config as baseline
from configs.squares_pgd import config as published
from ebm_tf.config.attacks import Pgd

config = dataclasses.replace(
    baseline,
    name="squares_pgd_small",
    objective=published.objective,
    attack=Pgd(num_steps=10, step_size=6.4),
)
