"""Small robust classifier of one's own images at 32x32 by WEAT_adv.

python3 ebm_tf/train_clf.py configs/folder_weat_adv.py --set data.path=FOLDER \
    --set classifier.num_classes=2

The folder has one of images for each class. Images are drawn for the three splits by
their paths; where the folder has train, validation and test: --set data.split=train
--set validation_split=validation --set test_split=test. An attack may move every pixel
by 8/255. Expected: five minutes on two cores.
"""

import dataclasses

from configs.mnist_weat_adv import config as mnist
from ebm_tf.config.attacks import Ball, Pgd
from ebm_tf.config.classifier import ClassifierNetwork
from ebm_tf.config.parts import Data

config = dataclasses.replace(
    mnist,
    name="folder_weat_adv",
    data=Data(name="folder", image_size=32, split="train[:80%]", padding=4, flip=True),
    validation_split="train[80%:90%]",
    test_split="train[90%:]",
    classifier=ClassifierNetwork(architecture="small_cnn", num_classes=2),
    attack=Pgd(loss="kl", num_steps=10, start="normal"),
    ball=Ball(epsilon=8.0),
    evaluation_attack=Pgd(num_steps=20),
    batch=32,
)
