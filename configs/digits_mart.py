"""Small robust classifier of handwritten digits (8x8) by MART.

python3 ebm_tf/train_clf.py configs/digits_mart.py

The attack and the network are those of configs/digits_weat_adv.py. Expected: at most
three minutes on two cores; `test_accuracy` about 0.94, `pgd20_accuracy` about 0.74.
"""

import dataclasses

from configs.digits_weat_adv import config as weat_adv
from ebm_tf.config.attacks import Pgd
from ebm_tf.config.objectives import Mart

config = dataclasses.replace(
    weat_adv,
    name="digits_mart",
    objective=Mart(),
    attack=Pgd(num_steps=10, step_size=9.5, start="normal"),
)
