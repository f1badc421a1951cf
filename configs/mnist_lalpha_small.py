"""The same with gradients that are rewarded for directions of searches (L_alpha).

python3 ebm_tf/train_clf.py configs/mnist_lalpha_small.py

The released generator of configs/mnist_cgan_small.py is searched, a hundred steps and
fifty; what is found is kept, so that a second run takes a fraction of the time.
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
