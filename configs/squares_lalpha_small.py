"""The same with gradients that are rewarded for pointing to the other square (L_alpha).

python3 ebm_tf/train_clf.py configs/squares_lalpha_small.py
"""

import dataclasses

from configs.squares_baseline_small import config as baseline
from configs.squares_lalpha import config as published

config = dataclasses.replace(
    baseline, name="squares_lalpha_small", alignment=published.alignment
)
