"""The same with gradients that are rewarded for directions of searches (L_alpha).

python3 ebm_tf/train_clf.py configs/mnist_lalpha_small.py

Searches have a hundred steps and fifty, not 600 and 150. What is found is kept, so that
a second run takes a fraction of the time.
"""

import dataclasses

from configs.mnist_baseline_small import config as baseline
from ebm_tf.config.directions import AlignmentReward, SearchedDirections

config = dataclasses.replace(
    baseline,
    name="mnist_lalpha_small",
    alignment=AlignmentReward(
        weight=0.3,
        directions=SearchedDirections(
            weights="release:mnist_cgan_small",
            penalty=1.5,
            near_steps=100,
            likely_steps=50,
        ),
    ),
)
