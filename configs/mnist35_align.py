"""Where the gradients of a classifier of threes and fives point, and its least radii.

python3 ebm_tf/align.py configs/mnist35_align.py

It is the released one of configs/mnist35_lalpha.py; `--set weights=RUN` takes another,
the folder that one of configs/mnist35_{baseline,lalpha,pgd}.py left. The directions are
those of the released mapper of configs/mnist35_vrgan_reference_small.py, which nothing
learned with, or of `--set directions.weights=RUN`. The radii are published.
"""

import dataclasses

from configs.mnist35_baseline import config as learning
from ebm_tf.config.alignment import (
    AlignmentMeasurement,
    PgdSearch,
    SpatialSearch,
    SquareSearch,
)
from ebm_tf.config.directions import GeneratorDirections

RADII = (0.02, 0.04, 0.06, 0.1, 0.14, 0.2, 0.4, 0.6, 0.8, 1.0, 1.2, 1.4)

config = AlignmentMeasurement(
    name="mnist35_align",
    data=dataclasses.replace(learning.data, split="test"),
    num_images=300,
    classifier=learning.classifier,
    weights="release:mnist35_lalpha",
    directions=GeneratorDirections(weights="release:mnist35_vrgan_reference_small"),
    searches=(
        PgdSearch(radii=RADII),
        PgdSearch(norm="l2", radii=tuple(28 * radius for radius in RADII)),
        SquareSearch(radii=RADII, num_queries=300),
        SpatialSearch(radii=(0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4)),
    ),
    batch=100,
)
