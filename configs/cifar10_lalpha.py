"""The same with gradients that are rewarded for directions of searches (L_alpha).

python3 ebm_tf/train_clf.py configs/cifar10_lalpha.py

The released generator of configs/cifar10_cgan_small.py is searched, or that of --set
alignment.directions.weights=GENERATOR, the folder that configs/cifar10_cgan.py left;
measure with another one, of another seed. Published values; not run by us.
"""

import dataclasses

from configs.cifar10_baseline import config as baseline
from ebm_tf.config.directions import AlignmentReward, SearchedDirections

config = dataclasses.replace(
    baseline,
    name="cifar10_lalpha",
    alignment=AlignmentReward(
        weight=0.3,
        directions=SearchedDirections(
            weights="release:cifar10_cgan_small", near_rate=0.1, likely_rate=0.1
        ),
    ),
)
