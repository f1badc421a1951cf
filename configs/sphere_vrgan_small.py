"""Directions between two spheres of 20 dimensions by VR-GAN, on a laptop.

python3 ebm_tf/train_vrgan.py configs/sphere_vrgan_small.py

Expected: a minute on one core; a cosine of 0.955 with the true direction, and
differences of norm 0.33 and 0.44 where the true ones have 0.3. In the 500 dimensions of
`sphere_vrgan` some thousand updates learn nothing yet.
"""

import dataclasses

from configs.sphere_vrgan import config as published
from ebm_tf.config.mapper import ADAM

FASTER = dataclasses.replace(ADAM, learning_rate=1e-3, average_decay=0.99)

config = dataclasses.replace(
    published,
    name="sphere_vrgan_small",
    data=dataclasses.replace(published.data, channels=20, split="train[:5000]"),
    mapper=dataclasses.replace(published.mapper, width=100),
    classifier=dataclasses.replace(published.classifier, width=100),
    mapper_optimizer=FASTER,
    classifier_optimizer=FASTER,
    num_updates=3000,
    log_every=500,
    measure_every=500,
    save_every=1000,
)
