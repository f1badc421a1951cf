"""A classifier of handwritten digits (8x8) on corrupted images: accuracy and E(x).

python3 ebm_tf/analyze.py configs/digits_corruptions.py

Six corruptions at five severities, which the program makes itself. The classifier is
the released one of configs/digits_clean.py; `--set weights=RUN` measures another.
Expected: at most a minute on two cores.
"""

import dataclasses

from configs.digits_analysis import config as analysis
from ebm_tf.config.corruption import Corruptions

config = dataclasses.replace(
    analysis,
    name="digits_corruptions",
    noise=(0.0,),
    others=(),
    distal=None,
    corruptions=Corruptions(),
)
