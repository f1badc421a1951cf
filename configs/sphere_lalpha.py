"""The same."""

import dataclasses

from configs.sphere_baseline import config as baseline
from ebm_tf.config.directions import AlignmentReward

config = dataclasses.replace(
    baseline, name="sphere_lalpha", alignment=AlignmentReward()
)
