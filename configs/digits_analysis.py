"""What a classifier of handwritten digits knows: calibration, and other images.

python3 ebm_tf/analyze.py configs/digits_analysis.py

It is the released one of configs/digits_clean.py; `--set weights=RUN` takes the folder
that one of configs/digits_{clean,sat,trades,weat_adv,jem}.py left, or release:NAME, and
`--set samples.num_samples=1000` measures what one of digits_jem.py generates.
Expected: at most a minute on two cores; accuracy 0.928, calibration error 0.04, AUROC
by log p(x) 0.96 against uniform noise and 0.75 against rotated digits; of
release:digits_weat_adv 0.936, 0.13 (0.03 at temperature 0.34), 1.00 and 0.84.
"""

from configs.digits_clean import config as learning
from ebm_tf.config.analysis import (
    Analysis,
    GaussianNoise,
    Interpolated,
    Inverted,
    Rotated,
    UniformNoise,
)

config = Analysis(
    name="digits_analysis",
    weights="release:digits_clean",
    data=learning.data,
    validation_split=learning.validation_split,
    test_split=learning.test_split,
    classifier=learning.classifier,
    others=(UniformNoise(), GaussianNoise(), Inverted(), Interpolated(), Rotated()),
    batch=120,
)
