"""Attacks a joint energy-based model of handwritten digits that refines its images.

python3 ebm_tf/attack.py configs_attack/digits_refined.py --set weights=RUN

RUN is the folder that configs/digits_jem.py left; without it, it is the released one.
Its one network is the classifier and the energy (Grathwohl et al., 2020). Five copies
of an image get noise, go ten Langevin steps and are classified by their mean logits:
JEM-10; `--set defense.num_steps=0` and `=1` are JEM-0 and JEM-1. The official attack
takes the steps for the identity, as this one does; `--set attack.gradient=chain`
differentiates through them, and is the weaker here. Expected: half a minute on two
cores; with the first 120 images robust accuracy 0.38 (0.53 by the exact gradient), and
0.25 without a step.
"""

import dataclasses

from configs.digits_clean import config as classifier
from configs.digits_jem import config as learning
from ebm_tf.config.defense import DefenseMeasurement, Purification, PurifiedPgd

config = DefenseMeasurement(
    name="digits_refined",
    weights="release:digits_jem",
    data=dataclasses.replace(learning.data, split=learning.test_split),
    energy=learning.classifier,
    temperature=learning.temperature,
    langevin=learning.langevin,
    classifier=learning.classifier,
    ball=classifier.ball,
    # The noise of learning, as the official 0.03 is.
    defense=Purification(
        num_steps=10, num_replicates=5, start_noise=learning.data_epsilon
    ),
    attack=PurifiedPgd(num_steps=20, step_size=7.5, num_replicates=5),
    num_images=360,
    batch=60,
    num_final_replicates=32,
    chunk=480,
)
