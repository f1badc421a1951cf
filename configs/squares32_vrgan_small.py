"""Directions between squares of two sizes (32x32) by VR-GAN, on a laptop.

python3 ebm_tf/train_vrgan.py configs/squares32_vrgan_small.py

Expected: two minutes on one core; all images are mapped to the other class, with a
cosine of 0.95 with the true direction.
"""

import dataclasses

from configs.squares32_vrgan import config as published
from ebm_tf.config.mapper import ADAM

FASTER = dataclasses.replace(ADAM, learning_rate=5e-4)

config = dataclasses.replace(
    published,
    name="squares32_vrgan_small",
    mapper=dataclasses.replace(published.mapper, width=16),
    classifier=dataclasses.replace(published.classifier, width=16),
    mapper_optimizer=FASTER,
    classifier_optimizer=FASTER,
    num_updates=1500,
    measure_every=250,
    save_every=500,
)
