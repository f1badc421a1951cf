"""Where the gradients of a classifier of squares (32x32) point, and its least radii.

python3 ebm_tf/align.py configs/squares32_align.py

It is the released one of configs/squares32_lalpha.py; `--set weights=RUN` takes
another, the folder that one of configs/squares32_{baseline,lalpha,pgd}.py left.
"""

import dataclasses

from configs.squares32_baseline import config as learning
from ebm_tf.config.alignment import (
    AlignmentMeasurement,
    PgdSearch,
    SpatialSearch,
    SquareSearch,
)
from ebm_tf.config.attacks import CarliniWagner

RADII = (0.002, 0.006, 0.02, 0.04, 0.06, 0.1, 0.14, 0.2, 0.4, 0.6, 0.8, 1.0, 1.2)

config = AlignmentMeasurement(
    name="squares32_align",
    data=dataclasses.replace(learning.data, split="test"),
    num_images=200,
    classifier=learning.classifier,
    weights="release:squares32_lalpha",
    searches=(
        PgdSearch(radii=RADII),
        PgdSearch(norm="l2", radii=tuple(32 * radius for radius in RADII)),
        SquareSearch(radii=RADII[4:], num_queries=300),
        SpatialSearch(radii=(0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4)),
    ),
    linearity=CarliniWagner(
        num_steps=100, learning_rate=0.02, num_constants=5, initial_constant=1.0
    ),
    batch=100,
)
