"""Attacks a classifier of CIFAR-10 by PGD-20 and AutoAttack, radius 8/255.

python3 ebm_tf/attack.py configs_attack/cifar10_classifier.py --set weights=RUN

RUN is the folder that one of configs/cifar10_*.py left. All 10,000 test images and the
budgets of Croce and Hein (2020). Expected: some hours on one GPU (not run by us);
`robust_accuracy` about 0 of cifar10_clean, 0.50 of cifar10_weat_adv (the authors'
figure).
"""

from configs.cifar10_weat_adv import config as learning
from ebm_tf.config.parts import Data
from ebm_tf.config.robustness import RobustnessMeasurement

config = RobustnessMeasurement(
    name="cifar10_classifier",
    data=Data(name="cifar10", image_size=32, split=learning.test_split),
    classifier=learning.classifier,
    ball=learning.ball,
    pgd=learning.evaluation_attack,
    batch=500,
)
