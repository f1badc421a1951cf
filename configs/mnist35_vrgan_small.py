"""Directions between threes and fives of MNIST (28x28) by VR-GAN, on a laptop.

python3 ebm_tf/train_vrgan.py configs/mnist35_vrgan_small.py
"""

import dataclasses

from configs.mnist35_vrgan import config as published
from configs.squares32_vrgan_small import FASTER

config = dataclasses.replace(
    published,
    name="mnist35_vrgan_small",
    mapper=dataclasses.replace(published.mapper, width=16),
    classifier=dataclasses.replace(published.classifier, width=16),
    mapper_optimizer=FASTER,
    classifier_optimizer=FASTER,
    num_updates=3000,
    measure_every=500,
)
