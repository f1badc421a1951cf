"""Directions between squares of two sizes (224x224) by VR-GAN, on a laptop.

python3 ebm_tf/train_vrgan.py configs/squares_vrgan_small.py
"""

import dataclasses

from configs.squares32_vrgan_small import FASTER
from configs.squares_vrgan import config as published

config = dataclasses.replace(
    published,
    name="squares_vrgan_small",
    data=dataclasses.replace(published.data, split="train[:1000]"),
    mapper=dataclasses.replace(published.mapper, width=8),
    classifier=dataclasses.replace(published.classifier, width=8),
    mapper_optimizer=FASTER,
    classifier_optimizer=FASTER,
    num_updates=1000,
    measure_every=250,
    save_every=250,
)
