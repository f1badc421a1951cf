"""ResNet-18 of Tiny ImageNet at 64x64 by WEAT_adv.

python3 ebm_tf/train_clf.py configs/tiny_imagenet_weat_adv.py

Published hyper-parameters (Mirza et al., 2024); the last 2,000 images of the training
split are held out to select weights, where the authors take generated images, and the
validation split is the test split, as theirs. Expected: several days on one GPU; robust
accuracy 0.18 under AutoAttack (the authors' figure, not ours).
"""

import dataclasses

from configs.cifar10_weat_adv import config as weat_adv
from ebm_tf.config.classifier import ClassifierNetwork
from ebm_tf.config.optimizers import OneCycle, Sgd
from ebm_tf.config.parts import Data

config = dataclasses.replace(
    weat_adv,
    name="tiny_imagenet_weat_adv",
    data=Data(
        name="tiny_imagenet", image_size=64, split="train[:98000]", padding=4, flip=True
    ),
    validation_split="train[98000:]",
    test_split="validation",
    classifier=ClassifierNetwork(architecture="resnet", depth=18, num_classes=200),
    optimizer=Sgd(
        learning_rate=OneCycle(peak=0.1, first=0.004, last=4e-7, num_steps=78_200),
        momentum=OneCycle(peak=0.85, first=0.95, last=0.95, num_steps=78_200),
    ),
    num_updates=78_200,
    validate_every=782,
    select_from=71_162,
)
