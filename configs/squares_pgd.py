"""The same by adversarial training in l-infinity balls of 0.2.

python3 ebm_tf/train_clf.py configs/squares_pgd.py

Published values, as in configs/squares_baseline.py; not run by us.
"""

import dataclasses

from configs.squares_baseline import config as baseline
from ebm_tf.config.attacks import Pgd
from ebm_tf.config.objectives import Sat

config = dataclasses.replace(
    baseline,
    name="squares_pgd",
    objective=Sat(),
    attack=Pgd(num_steps=40, step_size=2.55),
)
