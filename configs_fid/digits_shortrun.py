"""Measures the short-run EBM of digits that configs/digits_nonconv.py learns.

python3 ebm_tf/fid.py configs_fid/digits_shortrun.py

It is the released one; `--set weights=RUN` measures another. The moments of its samples
stay in its folder, and `--set reference=FOLDER/moments/STEPS.npz` compares others with
them.
"""

from configs.digits_nonconv import config as learning
from ebm_tf.config.fid import FeatureExtractor, measurement_of

config = measurement_of(
    learning,
    name="digits_shortrun",
    weights="release:digits_nonconv",
    features=FeatureExtractor(name="pixels"),
    num_samples=1000,
    batch=100,
    num_steps=100,
)
