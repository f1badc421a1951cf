"""Attacks a classifier of a folder by PGD-20 and AutoAttack, on its test images.

python3 ebm_tf/attack.py configs_attack/folder_classifier.py --set data.path=FOLDER \
    --set weights=RUN --set classifier.num_classes=2

RUN is the folder that configs/folder_weat_adv.py left.
"""

import dataclasses

from configs.folder_weat_adv import config as learning
from ebm_tf.config.robustness import RobustnessMeasurement

config = RobustnessMeasurement(
    name="folder_classifier",
    data=dataclasses.replace(learning.data, split=learning.test_split),
    classifier=learning.classifier,
    ball=learning.ball,
    pgd=learning.evaluation_attack,
    batch=100,
)
