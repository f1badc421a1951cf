"""Directions between two spheres of 500 dimensions by VR-GAN, on a laptop.

python3 ebm_tf/train_vrgan.py configs/sphere_vrgan_small.py
"""

import dataclasses

from configs.sphere_vrgan import config as published
from configs.squares32_vrgan_small import FASTER

config = dataclasses.replace(
    published,
    name="sphere_vrgan_small",
    mapper=dataclasses.replace(published.mapper, width=500),
    classifier=dataclasses.replace(published.classifier, width=500),
    mapper_optimizer=FASTER,
    classifier_optimizer=FASTER,
    num_updates=10_000,
    log_every=1000,
    measure_every=1000,
    save_every=1000,
)
