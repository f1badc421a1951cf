"""Draws images of CIFAR-10 by momentum, from a classifier that is robust in l2.

python3 ebm_tf/generate.py configs/cifar10_generate_momentum.py --set weights=RUN
--set features.weights=PATH

The published settings for an l2 classifier: r = 0.99, eta = 0.025, zeta = 0.8, noise
of 0.001 in [0, 1], 500 steps; otherwise as configs/cifar10_generate.py. Not run at this
scale.
"""

import dataclasses

from configs.cifar10_generate import config as generation
from ebm_tf.config.generation import ClassPca
from ebm_tf.config.parts import MomentumLangevin

config = dataclasses.replace(
    generation,
    name="cifar10_generate_momentum",
    start=ClassPca(retained=0.99, temperature=0.354),
    langevin=MomentumLangevin(drift=0.05, noise=0.002, momentum=0.8, image_bound=1.0),
    num_steps=500,
)
