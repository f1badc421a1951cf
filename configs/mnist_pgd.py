"""The same by adversarial training in l-infinity balls of 0.3.

python3 ebm_tf/train_clf.py configs/mnist_pgd.py
"""

import dataclasses

from configs.mnist_baseline import config as baseline
from ebm_tf.config.attacks import Pgd
from ebm_tf.config.objectives import Sat

config = dataclasses.replace(
    baseline, name="mnist_pgd", objective=Sat(), attack=Pgd(num_steps=10, step_size=9.6)
)
