"""ResNet-18 of width 16 by adversarial training, from 7,880 images of CIFAR-10.

python3 ebm_tf/train_clf.py configs/cifar10_sat_small.py

The attack is that of configs/cifar10_sat.py, the rest as
configs/cifar10_weat_adv_small.py. Expected: 75 minutes of one core; of the
first 1,017 test images `test_accuracy` 0.537 and `pgd20_accuracy` 0.327, the release
`cifar10_sat_small`.
"""

import dataclasses

from configs.cifar10_sat import config as published
from configs.cifar10_weat_adv_small import config as weat_adv

config = dataclasses.replace(
    weat_adv,
    name="cifar10_sat_small",
    objective=published.objective,
    attack=published.attack,
)
