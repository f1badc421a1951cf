"""Measures the mid-run EBM of digits that configs/digits_medconv.py learns.

python3 ebm_tf/fid.py configs_fid/digits_midrun.py

It is the released one; `--set weights=RUN` measures another.
"""

from configs.digits_medconv import config as learning
from ebm_tf.config.fid import FeatureExtractor, measurement_of

config = measurement_of(
    learning,
    name="digits_midrun",
    weights="release:digits_medconv",
    features=FeatureExtractor(name="pixels"),
    num_samples=1000,
    batch=100,
    num_steps=1000,
)
