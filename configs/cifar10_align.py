"""Where the gradients of a classifier of CIFAR-10 point, and its least radii.

python3 ebm_tf/align.py configs/cifar10_align.py

It is the released one of configs/cifar10_sat_small.py; `--set weights=RUN` takes
another, the folder that one of configs/cifar10_{baseline,lalpha,pgd}.py left. The
released small generator of configs/cifar10_cgan_reference_small.py is searched, or that
of `--set directions.weights=RUN`, such as of a second run of configs/cifar10_cgan.py.
The radii are published; not run by us.
"""

import dataclasses

from configs.cifar10_baseline import config as learning
from ebm_tf.config.alignment import (
    AlignmentMeasurement,
    PgdSearch,
    SpatialSearch,
    SquareSearch,
)
from ebm_tf.config.directions import SearchedDirections

RADII = (0.001, 0.003, 0.006, 0.01, 0.02, 0.03, 0.05, 0.08, 0.15, 0.3, 0.6)

config = AlignmentMeasurement(
    name="cifar10_align",
    data=dataclasses.replace(learning.data, split="test"),
    classifier=learning.classifier,
    weights="release:cifar10_sat_small",
    directions=SearchedDirections(
        weights="release:cifar10_cgan_reference_small",
        judge="release:cifar10_clean_small",
        near_rate=0.1,
        likely_rate=0.1,
    ),
    searches=(
        PgdSearch(radii=RADII),
        PgdSearch(norm="l2", radii=tuple(3072**0.5 * radius for radius in RADII)),
        SquareSearch(radii=RADII),
        SpatialSearch(radii=(0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2)),
    ),
)
