"""The same by adversarial training in l-infinity balls of 0.01.

python3 ebm_tf/train_clf.py configs/cifar10_pgd.py

Published values, but for the step, which was twice the radius; not run by us.
"""

import dataclasses

from configs.cifar10_baseline import config as baseline
from ebm_tf.config.attacks import Pgd
from ebm_tf.config.objectives import Sat

config = dataclasses.replace(
    baseline,
    name="cifar10_pgd",
    objective=Sat(),
    attack=Pgd(num_steps=40, step_size=0.08),
)
