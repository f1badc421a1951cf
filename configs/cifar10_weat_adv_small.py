"""ResNet-18 of width 16 by WEAT_adv, from 7,880 images of CIFAR-10.

python3 ebm_tf/train_clf.py configs/cifar10_weat_adv_small.py

The attack and the objective of configs/cifar10_weat_adv.py, but a network and a number
of images and updates for a laptop: 25 epochs. Expected: about the time of
configs/cifar10_sat_small.py.
"""

import dataclasses

from configs.cifar10_weat_adv import config as weat_adv
from ebm_tf.config.classifier import ClassifierNetwork
from ebm_tf.config.optimizers import OneCycle, Sgd

config = dataclasses.replace(
    weat_adv,
    name="cifar10_weat_adv_small",
    data=dataclasses.replace(weat_adv.data, split="train[:7880]"),
    validation_split="train[7880:8380]",
    classifier=ClassifierNetwork(architecture="resnet", depth=18, width=16),
    optimizer=Sgd(
        learning_rate=OneCycle(peak=0.1, first=0.004, last=4e-7, num_steps=1525),
        momentum=OneCycle(peak=0.85, first=0.95, last=0.95, num_steps=1525),
    ),
    num_updates=1525,
    validate_every=122,
    select_from=0,
    log_every=20,
)
