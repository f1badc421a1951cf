"""ResNet-18 of CIFAR-10 by standard adversarial training (Madry et al., 2018).

python3 ebm_tf/train_clf.py configs/cifar10_sat.py

The recipe of Mirza et al. (2024), in which it is compared with theirs. Expected: about
half a day on one GPU; robust accuracy 0.49 under PGD-20 and 0.45 under AutoAttack (the
figures of Mirza et al., not ours); from epoch 80 on the robust error rises again.
"""

import dataclasses

from configs.cifar10_weat_adv import config as weat_adv
from ebm_tf.config.attacks import Pgd
from ebm_tf.config.objectives import Sat

config = dataclasses.replace(
    weat_adv, name="cifar10_sat", objective=Sat(), attack=Pgd(num_steps=10)
)
