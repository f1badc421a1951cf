"""The same with gradients that are rewarded for directions of searches (L_alpha).

python3 ebm_tf/train_clf.py configs/cifar10_lalpha_small.py

Searches have a hundred steps and fifty, not 600 and 150. What is found is kept, so that
a second run takes a fraction of the time.
"""

import dataclasses

from configs.cifar10_baseline_small import config as baseline
from ebm_tf.config.directions import AlignmentReward, SearchedDirections

config = dataclasses.replace(
    baseline,
    name="cifar10_lalpha_small",
    alignment=AlignmentReward(
        weight=0.3,
        directions=SearchedDirections(
            weights="release:cifar10_cgan_small",
            near_rate=0.1,
            likely_rate=0.1,
            near_steps=100,
            likely_steps=50,
        ),
    ),
)
