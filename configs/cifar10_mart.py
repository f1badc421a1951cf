"""ResNet-18 of CIFAR-10 by MART.

python3 ebm_tf/train_clf.py configs/cifar10_mart.py

Published hyper-parameters (Wang et al., 2020), data as for cifar10_weat_adv. Expected:
about half a day on one GPU; the figures of configs/cifar10_trades.py, about (not run by
us).
"""

import dataclasses

from configs.cifar10_weat_adv import config as weat_adv
from ebm_tf.config.attacks import Pgd
from ebm_tf.config.objectives import Mart
from ebm_tf.config.optimizers import Sgd

config = dataclasses.replace(
    weat_adv,
    name="cifar10_mart",
    objective=Mart(),
    attack=Pgd(num_steps=10, start="normal"),
    optimizer=Sgd(
        learning_rate=((0.01, 0), (1e-3, 29_325), (1e-4, 35_190), (1e-5, 39_100)),
        weight_decay=3.5e-3,
    ),
    num_updates=46_920,
    select_from=0,
)
