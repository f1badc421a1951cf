"""The same with gradients that are rewarded for pointing to the other square (L_alpha).

python3 ebm_tf/train_clf.py configs/squares_lalpha.py

Published values, as in configs/squares_baseline.py; not run by us.
"""

import dataclasses

from configs.squares_baseline import config as baseline
from ebm_tf.config.directions import AlignmentReward

config = dataclasses.replace(
    baseline, name="squares_lalpha", alignment=AlignmentReward(weight=0.1)
)
