"""The same with gradients that are rewarded for directions of searches (L_alpha).

python3 ebm_tf/train_clf.py configs/cifar10_lalpha_small.py \
    --set alignment.directions.weights=GENERATOR

GENERATOR is the folder that configs/cifar10_cgan_small.py left. Searches have a hundred
steps and fifty; what is found is kept.
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
            near_rate=0.1, likely_rate=0.1, near_steps=100, likely_steps=50
        ),
    ),
)
