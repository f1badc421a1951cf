"""Where the gradients of a classifier of two spheres point.

python3 ebm_tf/align.py configs/sphere_align.py --set weights=RUN
"""

import dataclasses

from configs.sphere_baseline import config as learning
from ebm_tf.config.alignment import AlignmentMeasurement, PgdSearch, SquareSearch

RADII = (0.0005, 0.001, 0.002, 0.004, 0.006, 0.008, 0.01, 0.02)

config = AlignmentMeasurement(
    name="sphere_align",
    data=dataclasses.replace(learning.data, split="test"),
    classifier=learning.classifier,
    in_range=False,
    searches=(
        PgdSearch(radii=RADII),
        PgdSearch(norm="l2", radii=tuple(r * 500**0.5 for r in RADII)),
        SquareSearch(radii=RADII, num_queries=1000),
    ),
    score_curve=True,
    batch=500,
)
