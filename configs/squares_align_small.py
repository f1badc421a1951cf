"""Where the gradients of a classifier of squares (224x224) point, on a laptop.

python3 ebm_tf/align.py configs/squares_align_small.py

A hundred images, and few queries of Square; all else as configs/squares_align.py.
"""

import dataclasses

from configs.squares32_align import RADII
from configs.squares_align import config as published
from ebm_tf.config.alignment import PgdSearch, SquareSearch

config = dataclasses.replace(
    published,
    name="squares_align_small",
    num_images=100,
    searches=(
        PgdSearch(radii=RADII),
        PgdSearch(norm="l2", radii=tuple(224 * radius for radius in RADII)),
        SquareSearch(radii=RADII[4:], num_queries=300),
    ),
)
