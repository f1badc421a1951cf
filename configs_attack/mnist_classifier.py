"""Attacks a classifier of MNIST by PGD-20 and AutoAttack, on 1,000 test images.

python3 ebm_tf/attack.py configs_attack/mnist_classifier.py --set weights=RUN

RUN is the folder that one of configs/mnist_{clean,sat,trades,weat_adv}.py left.
"""

import dataclasses

from configs.mnist_clean import config as learning
from ebm_tf.config.robustness import RobustnessMeasurement

config = RobustnessMeasurement(
    name="mnist_classifier",
    data=dataclasses.replace(learning.data, split=learning.test_split),
    classifier=learning.classifier,
    ball=learning.ball,
    pgd=learning.evaluation_attack,
    probability_margin=100,
    num_images=1000,
    batch=250,
)
