"""Directions of a mapper (VR-GAN) beside the true ones, of squares (32x32).

python3 ebm_tf/align.py configs/squares32_align_vrgan.py

It is the released mapper of configs/squares32_vrgan_small.py; `--set
estimated.weights=RUN` takes another, the folder that configs/squares32_vrgan.py or its
smaller one left. Nothing is attacked.
"""

import dataclasses

from configs.squares32_align import config as with_attacks
from ebm_tf.config.directions import GeneratorDirections

config = dataclasses.replace(
    with_attacks,
    name="squares32_align_vrgan",
    estimated=GeneratorDirections(weights="release:squares32_vrgan_small"),
    searches=(),
    linearity=None,
)
