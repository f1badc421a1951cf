"""ResNet-18 of CIFAR-100 by WEAT_adv.

python3 ebm_tf/train_clf.py configs/cifar100_weat_adv.py

Published hyper-parameters (Mirza et al., 2024), validation as for cifar10_weat_adv.
Expected: about half a day on one GPU; robust accuracy 0.31 under PGD-20 and 0.26 under
AutoAttack (the authors' figures, not ours).
"""

import dataclasses

from configs.cifar10_weat_adv import config as weat_adv
from ebm_tf.config.classifier import ClassifierNetwork
from ebm_tf.config.parts import Data

config = dataclasses.replace(
    weat_adv,
    name="cifar100_weat_adv",
    data=Data(
        name="cifar100", image_size=32, split="train[:49000]", padding=4, flip=True
    ),
    classifier=ClassifierNetwork(architecture="resnet", depth=18, num_classes=100),
)
