"""ResNet-18 of width 16 by MART, from 7,880 images of CIFAR-10.

python3 ebm_tf/train_clf.py configs/cifar10_mart_small.py

The attack is that of configs/cifar10_mart.py, the rest, the schedule too, as
configs/cifar10_weat_adv_small.py. Expected: about the time of
configs/cifar10_sat_small.py.
"""

import dataclasses

from configs.cifar10_mart import config as published
from configs.cifar10_weat_adv_small import config as weat_adv

config = dataclasses.replace(
    weat_adv,
    name="cifar10_mart_small",
    objective=published.objective,
    attack=published.attack,
)
