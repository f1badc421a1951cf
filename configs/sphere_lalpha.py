"""The same with gradients that are rewarded for pointing to the other sphere (L_alpha).

python3 ebm_tf/train_clf.py configs/sphere_lalpha.py

Published values, as in configs/sphere_baseline.py.
"""

import dataclasses

from configs.sphere_baseline import config as baseline
from ebm_tf.config.directions import AlignmentReward

config = dataclasses.replace(
    baseline, name="sphere_lalpha", alignment=AlignmentReward(weight=0.1)
)
