"""Defends an EfficientNet-B7 of ImageNet by purification with the mid-run EBM.

python3 ebm_tf/attack.py configs_attack/imagenet.py --data_dir DIR --set weights=RUN

RUN is the folder that configs/imagenet_medconv.py left; Keras fetches the classifier.
Published values (Hill et al., 2022), but the attack sees logits: the authors' took the
cross-entropy of probabilities, which weakens it. Expected: some 2 PFLOP an image;
`natural_accuracy` 0.684, `robust_accuracy` below the authors' 0.418 (not run by us).

The published protocol, and what is known of it since: see configs_attack/cifar10.py,
and run configs_attack/imagenet_chain.py.
"""

import dataclasses

from configs.imagenet_medconv import config as learning
from ebm_tf.config.attacks import Ball
from ebm_tf.config.classifier import PretrainedClassifier
from ebm_tf.config.defense import DefenseMeasurement, Purification, PurifiedPgd

config = DefenseMeasurement(
    name="imagenet",
    data=dataclasses.replace(learning.data, split="validation", random_crop=False),
    energy=learning.energy,
    temperature=learning.temperature,
    langevin=learning.langevin,
    classifier=PretrainedClassifier(name="EfficientNetB7", image_size=600),
    ball=Ball(epsilon=2.0),
    defense=Purification(num_steps=200, num_replicates=64),
    attack=PurifiedPgd(num_steps=50, step_size=1.0, num_replicates=24),
    num_images=800,
    batch=8,
    chunk=64,
)
