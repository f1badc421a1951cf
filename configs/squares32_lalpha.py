"""The same with gradients that are rewarded for pointing to the other square (L_alpha).

python3 ebm_tf/train_clf.py configs/squares32_lalpha.py
"""

import dataclasses

from configs.squares32_baseline import config as baseline
from ebm_tf.config.directions import AlignmentReward

config = dataclasses.replace(
    baseline, name="squares32_lalpha", alignment=AlignmentReward(weight=0.1)
)
