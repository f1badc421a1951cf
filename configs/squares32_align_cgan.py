"""Directions of a latent search beside the true ones, of squares (32x32).

python3 ebm_tf/align.py configs/squares32_align_cgan.py

The released generator of configs/squares32_cgan_small.py is searched; `--set
estimated.weights=RUN` takes another, the folder that configs/squares32_cgan.py or its
smaller one left. The search is as published (Bigolin Lanfredi et al., 2023), but that
each image's ends where it gets no further. Published: a cosine of 0.61. The released
classifier counts how often what is found is of its class.
"""

import dataclasses

from configs.squares32_align_vrgan import config as of_mapper
from ebm_tf.config.directions import SearchedDirections

config = dataclasses.replace(
    of_mapper,
    name="squares32_align_cgan",
    estimated=SearchedDirections(
        weights="release:squares32_cgan_small", judge="release:squares32_lalpha"
    ),
)
