"""ResNet-18 of CIFAR-10, learned without attacks.

python3 ebm_tf/train_clf.py configs/cifar10_clean.py

The recipe of Mirza et al. (2024), without what makes it robust. Expected: about an hour
on one GPU; `test_accuracy` about 0.95, `pgd20_accuracy` near 0 (not run by us).
"""

import dataclasses

from configs.cifar10_weat_adv import config as weat_adv
from ebm_tf.config.objectives import Clean

config = dataclasses.replace(
    weat_adv, name="cifar10_clean", objective=Clean(), attack=None, select_from=0
)
