"""ResNet-18 of CIFAR-10 by TRADES.

python3 ebm_tf/train_clf.py configs/cifar10_trades.py

The recipe of Mirza et al. (2024), in which it is compared with theirs, with the beta
of Zhang et al. (2019). Expected: about half a day on one GPU; robust accuracy 0.53
under PGD-20 and 0.49 under AutoAttack (the figures of Mirza et al., not ours).
"""

import dataclasses

from configs.cifar10_weat_adv import config as weat_adv
from ebm_tf.config.objectives import Trades

config = dataclasses.replace(weat_adv, name="cifar10_trades", objective=Trades())
