"""Measures the generator of handwritten digits that configs/digits_sngan.py learns.

python3 ebm_tf/fid.py configs_fid/digits_generator.py

It is the released one; `--set weights=RUN` measures another. No Langevin step is
made, so these are its own images and the energy does not matter.
"""

from configs.digits_nonconv import config as learning
from configs.digits_sngan import config as generator
from ebm_tf.config.fid import FeatureExtractor, measurement_of

config = measurement_of(
    learning,
    name="digits_generator",
    weights="release:digits_sngan",
    start="generator",
    generator=generator.generator,
    features=FeatureExtractor(name="pixels"),
    num_samples=1000,
    batch=100,
    num_steps=0,
)
