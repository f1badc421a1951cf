"""Measures the long-run EBM of digits that configs/digits_conv.py learns.

python3 ebm_tf/fid.py configs_fid/digits_longrun.py

It is the released one; `--set weights=RUN` measures another.
"""

from configs.digits_conv import config as learning
from ebm_tf.config.fid import FeatureExtractor, measurement_of

config = measurement_of(
    learning,
    name="digits_longrun",
    weights="release:digits_conv",
    features=FeatureExtractor(name="pixels"),
    num_samples=500,
    batch=500,
    num_steps=(100, 300, 1000, 3000, 10_000, 30_000, 100_000),
)
