"""Where the gradients of a classifier of squares (224x224) point, and least radii.

python3 ebm_tf/align.py configs/squares_align.py --set weights=RUN

RUN is the folder that one of configs/squares_{baseline,lalpha,pgd}.py left; without it,
it is the released one of configs/squares_lalpha_small.py. The radii are published;
attacked images may leave [-1, 1], as the images themselves do. It was not run by us.
"""

import dataclasses

from configs.squares32_align import RADII
from configs.squares_baseline import config as learning
from ebm_tf.config.alignment import (
    AlignmentMeasurement,
    PgdSearch,
    SpatialSearch,
    SquareSearch,
)

config = AlignmentMeasurement(
    name="squares_align",
    data=dataclasses.replace(learning.data, split="test"),
    classifier=learning.classifier,
    weights="release:squares_lalpha_small",
    in_range=False,
    searches=(
        PgdSearch(radii=RADII),
        PgdSearch(norm="l2", radii=tuple(224 * radius for radius in RADII)),
        SquareSearch(radii=RADII),
        SpatialSearch(radii=(0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4)),
    ),
    batch=20,
)
