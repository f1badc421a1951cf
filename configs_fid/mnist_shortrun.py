"""Measures the short-run EBM of MNIST that configs/mnist_nonconv.py learns.

python3 ebm_tf/fid.py configs_fid/mnist_shortrun.py --data_dir DIR

It is the released one; `--set weights=RUN` measures another.
"""

from configs.mnist_nonconv import config as learning
from ebm_tf.config.fid import FeatureExtractor, measurement_of

config = measurement_of(
    learning,
    name="mnist_shortrun",
    weights="release:mnist_nonconv",
    features=FeatureExtractor(name="pixels"),
    num_samples=1000,
    batch=100,
    num_steps=200,
    num_reference=10_000,
)
