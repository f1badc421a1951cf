"""Small classifier of handwritten digits (8x8) by standard adversarial training.

python3 ebm_tf/train_clf.py configs/digits_sat.py

The attack and the network are those of configs/digits_weat_adv.py. Expected: at most a
minute on two cores; `test_accuracy` about 0.96, `pgd20_accuracy` about 0.76.
"""

import dataclasses

from configs.digits_weat_adv import config as weat_adv
from ebm_tf.config.attacks import Pgd
from ebm_tf.config.objectives import Sat

config = dataclasses.replace(
    weat_adv,
    name="digits_sat",
    objective=Sat(),
    attack=Pgd(num_steps=10, step_size=9.5),
)
