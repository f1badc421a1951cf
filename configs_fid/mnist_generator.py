"""Measures the generator of MNIST at 32x32 that configs/mnist_sngan.py learns.

python3 ebm_tf/fid.py configs_fid/mnist_generator.py --data_dir DIR --set weights=RUN

No Langevin step is made, so these are its own images and the energy does not matter.
"""

from configs.mnist_nonconv import config as learning
from configs.mnist_sngan import config as generator
from ebm_tf.config.fid import FeatureExtractor, measurement_of

config = measurement_of(
    learning,
    name="mnist_generator",
    start="generator",
    generator=generator.generator,
    features=FeatureExtractor(name="pixels"),
    num_samples=1000,
    batch=100,
    num_reference=10_000,
    num_steps=0,
)
