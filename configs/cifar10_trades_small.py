"""ResNet-18 of width 16 by TRADES, from 7,880 images of CIFAR-10.

python3 ebm_tf/train_clf.py configs/cifar10_trades_small.py

Otherwise as configs/cifar10_weat_adv_small.py. Expected: about the time of
configs/cifar10_sat_small.py.
"""

import dataclasses

from configs.cifar10_weat_adv_small import config as weat_adv
from ebm_tf.config.objectives import Trades

config = dataclasses.replace(weat_adv, name="cifar10_trades_small", objective=Trades())
