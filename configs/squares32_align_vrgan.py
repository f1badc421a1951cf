"""Directions of a mapper (VR-GAN) beside the true ones, of squares (32x32).

python3 ebm_tf/align.py configs/squares32_align_vrgan.py --set weights=RUN

It needs --set estimated.weights=MAPPER, too. RUN is the folder that one of
configs/squares32_{baseline,lalpha,pgd}.py left, MAPPER that of
configs/squares32_vrgan.py or its smaller one. Nothing is attacked.
"""

import dataclasses

from configs.squares32_align import config as with_attacks
from ebm_tf.config.directions import GeneratorDirections

config = dataclasses.replace(
    with_attacks,
    name="squares32_align_vrgan",
    estimated=GeneratorDirections(),
    searches=(),
    linearity=None,
)
