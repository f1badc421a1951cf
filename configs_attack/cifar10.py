"""Defends a WRN-28-10 of CIFAR-10 by purification with the mid-run EBM.

python3 ebm_tf/attack.py configs_attack/cifar10.py --set weights=RUN \
    --set classifier.weights=CLASSIFIER_RUN

RUN is the folder that configs/cifar10_medconv.py left, CLASSIFIER_RUN that of
configs/cifar10_wrn.py. Published values (Hill et al., 2022), whose Langevin noise of
0.01 is less than that of learning. Expected: some 22 PFLOP an image; `natural_accuracy`
0.790 and `robust_accuracy` 0.567 (the authors' figures; not run by us).

The published protocol, which takes the chain for the identity. What is known since: by
the exact gradient through the chain (MEFA, arXiv:2605.06357, the first author among its
authors) an earlier defence of this kind fell from 0.549 to 0.061. Run
configs_attack/cifar10_chain.py before you believe the figure above.
"""

import dataclasses

from configs.cifar10_medconv import config as learning
from configs.cifar10_wrn import config as classifier
from ebm_tf.config.attacks import Ball
from ebm_tf.config.defense import DefenseMeasurement, Purification, PurifiedPgd
from ebm_tf.config.parts import Langevin

config = DefenseMeasurement(
    name="cifar10",
    data=dataclasses.replace(learning.data, split="test"),
    energy=learning.energy,
    temperature=learning.temperature,
    langevin=Langevin(noise=1e-2),
    classifier=classifier.classifier,
    ball=Ball(epsilon=8.0),
    defense=Purification(num_steps=2000, num_replicates=128),
    attack=PurifiedPgd(num_steps=50, step_size=2.0, num_replicates=48),
    num_images=640,
    batch=64,
)
