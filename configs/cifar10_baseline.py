"""ResNet-18 of CIFAR-10 without augmentation, as a baseline of alignments.

python3 ebm_tf/train_clf.py configs/cifar10_baseline.py

Published values (Bigolin Lanfredi et al., 2023): no augmentation, decay or schedule.
Expected: 84 % of the test images right (theirs; not run by us). To try it on a CPU:
--set classifier.width=8 --set num_updates=1000 --set select_from=0.
"""

from ebm_tf.config.attacks import Ball, Pgd
from ebm_tf.config.classification import ClassifierTraining
from ebm_tf.config.classifier import ClassifierNetwork
from ebm_tf.config.optimizers import Sgd
from ebm_tf.config.parts import Data

config = ClassifierTraining(
    name="cifar10_baseline",
    data=Data(name="cifar10", image_size=32, split="train[:45000]"),
    validation_split="train[45000:]",
    classifier=ClassifierNetwork(architecture="resnet", depth=18),
    evaluation_attack=Pgd(loss="margin", num_steps=40, step_size=0.08),
    ball=Ball(epsilon=1.275),  # 0.01 in units of [-1, 1]
    optimizer=Sgd(
        learning_rate=1e-2, momentum=0.9, weight_decay=0.0, average_decay=0.0
    ),
    num_updates=35_100,
    select_from=11_600,  # earlier radii of 50 % were spurious, as published
)
