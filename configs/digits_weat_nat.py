"""Small robust classifier of handwritten digits (8x8) by WEAT_nat.

python3 ebm_tf/train_clf.py configs/digits_weat_nat.py

The attack and the network are those of configs/digits_weat_adv.py. Expected: at most
two minutes on two cores; `test_accuracy` about 0.95, `pgd20_accuracy` about 0.76.
"""

import dataclasses

from configs.digits_weat_adv import config as weat_adv
from ebm_tf.config.objectives import WeatNat

config = dataclasses.replace(weat_adv, name="digits_weat_nat", objective=WeatNat())
