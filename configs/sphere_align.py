"""Where the gradients of a classifier of two spheres point, and its least radii.

python3 ebm_tf/align.py configs/sphere_align.py

It is the released one of configs/sphere_lalpha_small.py; `--set weights=RUN` takes
another, the folder that one of configs/sphere_{baseline,lalpha,pgd}.py left. The radii
are published; Square has a fifth of the published queries.
"""

import dataclasses

from configs.sphere_baseline import config as learning
from ebm_tf.config.alignment import AlignmentMeasurement, PgdSearch, SquareSearch
from ebm_tf.config.attacks import CarliniWagner

RADII = (0.0005, 0.001, 0.002, 0.004, 0.006, 0.008, 0.01, 0.02)

config = AlignmentMeasurement(
    name="sphere_align",
    data=dataclasses.replace(learning.data, split="test"),
    classifier=learning.classifier,
    weights="release:sphere_lalpha_small",
    in_range=False,
    searches=(
        PgdSearch(radii=RADII),
        PgdSearch(norm="l2", radii=tuple(radius * 500**0.5 for radius in RADII)),
        SquareSearch(radii=RADII, num_queries=1000),
    ),
    linearity=CarliniWagner(
        num_steps=100,
        learning_rate=1e-3,
        num_constants=5,
        initial_constant=10.0,
        num_targets=0,
    ),
    score_curve=True,
    batch=500,
)
