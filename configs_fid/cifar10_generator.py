"""Measures the generator of CIFAR-10 that configs/cifar10_sngan.py learns.

python3 ebm_tf/fid.py configs_fid/cifar10_generator.py --set weights=RUN \
    --set features.weights=classify_image_graph_def.pb

No Langevin step is made, so these are its own images and the energy does not matter.
The published figure stands in configs/cifar10_sngan.py.
"""

from configs.cifar10_nonconv import config as learning
from configs.cifar10_sngan import config as generator
from ebm_tf.config.fid import FeatureExtractor, measurement_of

config = measurement_of(
    learning,
    name="cifar10_generator",
    start="generator",
    generator=generator.generator,
    features=FeatureExtractor(name="inception_2015"),
    num_samples=50_000,
    num_steps=0,
)
