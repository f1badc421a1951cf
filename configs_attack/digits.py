"""Defends a plain classifier of handwritten digits by purification with an EBM.

python3 ebm_tf/attack.py configs_attack/digits.py

Energy and classifier are the released ones of configs/digits_medconv.py and
digits_clean.py; `--set weights=RUN` and `--set classifier.weights=CLASSIFIER_RUN` take
others. The published protocol (Hill et al., 2022) with shorter chains and fewer of
them. Expected: about ten minutes on two cores.
"""

import dataclasses

from configs.digits_clean import config as classifier
from configs.digits_medconv import config as learning
from ebm_tf.config.defense import DefenseMeasurement, Purification, PurifiedPgd

config = DefenseMeasurement(
    name="digits",
    weights="release:digits_medconv",
    data=dataclasses.replace(learning.data, split=classifier.test_split),
    energy=learning.energy,
    temperature=learning.temperature,
    langevin=learning.langevin,
    classifier=dataclasses.replace(
        classifier.classifier, weights="release:digits_clean"
    ),
    ball=classifier.ball,
    defense=Purification(num_steps=100, num_replicates=16),
    attack=PurifiedPgd(num_steps=20, step_size=7.5, num_replicates=8),
    num_images=360,
    batch=60,
    num_final_replicates=32,
    chunk=480,
)
