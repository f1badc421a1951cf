"""The same with gradients that are rewarded for the directions of a mapper (L_alpha).

python3 ebm_tf/train_clf.py configs/mnist35_lalpha.py

It is the released one of configs/mnist35_vrgan_small.py, or that of --set
alignment.directions.weights=MAPPER, the folder that configs/mnist35_vrgan.py left;
measure with another one, of another seed.
"""

import dataclasses

from configs.mnist35_baseline import config as baseline
from ebm_tf.config.directions import AlignmentReward, GeneratorDirections

config = dataclasses.replace(
    baseline,
    name="mnist35_lalpha",
    alignment=AlignmentReward(
        weight=0.1,
        directions=GeneratorDirections(weights="release:mnist35_vrgan_small"),
    ),
)
