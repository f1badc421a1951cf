"""ResNet-18 of CIFAR-10 by WEAT_nat: both terms of TRADES weighted by energy.

python3 ebm_tf/train_clf.py configs/cifar10_weat_nat.py

Published hyper-parameters (Mirza et al., 2024), data as for cifar10_weat_adv. Expected:
about half a day on one GPU; robust accuracy 0.52 under PGD-20 (the authors' figure, not
ours).
"""

import dataclasses

from configs.cifar10_weat_adv import config as weat_adv
from ebm_tf.config.objectives import WeatNat

config = dataclasses.replace(weat_adv, name="cifar10_weat_nat", objective=WeatNat())
