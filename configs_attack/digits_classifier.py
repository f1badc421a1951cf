"""Attacks a classifier of handwritten digits with all there is, on its test images.

python3 ebm_tf/attack.py configs_attack/digits_classifier.py

It is the released one of configs/digits_weat_adv.py; `--set weights=RUN` takes the
folder that one of configs/digits_{clean,sat,trades,weat_adv}.py left.
Expected: at most four minutes on two cores.
"""

import dataclasses

from configs.digits_clean import config as learning
from ebm_tf.config.attacks import AutoAttack, CarliniWagner
from ebm_tf.config.robustness import RobustnessMeasurement

config = RobustnessMeasurement(
    name="digits_classifier",
    weights="release:digits_weat_adv",
    data=dataclasses.replace(learning.data, split=learning.test_split),
    classifier=learning.classifier,
    ball=learning.ball,
    pgd=learning.evaluation_attack,
    probability_margin=100,
    auto_attack=AutoAttack(),
    # Larger steps, and fewer of them: distances within 1 % of the published budget's.
    carlini_wagner=CarliniWagner(
        num_steps=200, learning_rate=0.05, num_constants=6, initial_constant=0.1
    ),
    curve=(9.5625, 19.125, 38.25, 57.375, 76.5, 95.625),
    median=True,
    batch=120,
)
