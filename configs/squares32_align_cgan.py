"""Directions of a latent search beside the true ones, of squares (32x32).

python3 ebm_tf/align.py configs/squares32_align_cgan.py --set weights=RUN

It needs --set estimated.weights=GENERATOR, too. RUN is the folder that one of
configs/squares32_{baseline,lalpha,pgd}.py left, GENERATOR that of
configs/squares32_cgan.py or its smaller one. The search is as published (Bigolin
Lanfredi et al., 2023), but that each image's ends where it gets no further. Published:
a cosine of 0.61. What judges whether what is found is of its class:
--set estimated.judge=RUN.
"""

import dataclasses

from configs.squares32_align_vrgan import config as of_mapper
from ebm_tf.config.directions import SearchedDirections

config = dataclasses.replace(
    of_mapper, name="squares32_align_cgan", estimated=SearchedDirections()
)
