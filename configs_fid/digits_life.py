"""Compares short-, mid- and long-run EBMs of digits by the life of their chains.

python3 ebm_tf/compare.py configs_fid/digits_life.py

They are the released ones of configs/digits_nonconv.py, digits_medconv.py and
digits_conv.py; `--set "runs=('RUN', 'RUN')"` compares others. All chains start from
data.
"""

from configs.digits_nonconv import config as digits
from ebm_tf.config.comparison import Comparison
from ebm_tf.config.fid import FeatureExtractor

config = Comparison(
    name="digits_life",
    data=digits.data,
    features=FeatureExtractor(name="pixels"),
    runs=("release:digits_nonconv", "release:digits_medconv", "release:digits_conv"),
    num_samples=500,
    num_steps=(100, 300, 1000, 3000, 10_000, 30_000, 100_000),
)
