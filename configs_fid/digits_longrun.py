"""Measures the long-run EBM of digits that configs/digits_conv.py learns.

python3 ebm_tf/fid.py configs_fid/digits_longrun.py --set weights=RUN
"""

from configs.digits_conv import config as learning
from ebm_tf.config.fid import FeatureExtractor, measurement_of

config = measurement_of(
    learning,
    name="digits_longrun",
    features=FeatureExtractor(name="pixels"),
    num_samples=500,
    batch=500,
    num_steps=(100, 300, 1000, 3000, 10_000, 30_000, 100_000),
)
