"""The same with gradients that are rewarded for the directions of a mapper (L_alpha).

python3 ebm_tf/train_clf.py configs/mnist35_lalpha.py \
    --set alignment.directions.weights=MAPPER

MAPPER is the folder that configs/mnist35_vrgan.py or its smaller one left; measure with
another one, of another seed.
"""

import dataclasses

from configs.mnist35_baseline import config as baseline
from ebm_tf.config.directions import AlignmentReward, GeneratorDirections

config = dataclasses.replace(
    baseline,
    name="mnist35_lalpha",
    alignment=AlignmentReward(weight=0.1, directions=GeneratorDirections()),
)
