"""Where the gradients of a small classifier of CIFAR-10 point, on a laptop.

python3 ebm_tf/align.py configs/cifar10_align_small.py

It is the released one of configs/cifar10_sat_small.py; `--set weights=RUN` takes
another, such as that of configs/cifar10_{baseline,lalpha,pgd}_small.py. A hundred
images, and few queries of Square; all else as configs/cifar10_align.py.
"""

import dataclasses

from configs.cifar10_align import RADII
from configs.cifar10_align import config as published
from ebm_tf.config.alignment import PgdSearch, SquareSearch

config = dataclasses.replace(
    published,
    name="cifar10_align_small",
    num_images=100,
    searches=(
        PgdSearch(radii=RADII),
        PgdSearch(norm="l2", radii=tuple(3072**0.5 * radius for radius in RADII)),
        SquareSearch(radii=RADII, num_queries=300),
    ),
)
