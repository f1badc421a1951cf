"""Measures the generator of CelebA that configs/celeb_a_sngan.py learns.

python3 ebm_tf/fid.py configs_fid/celeb_a_generator.py --set weights=RUN \
    --set features.weights=classify_image_graph_def.pb

No Langevin step is made, so these are its own images and the energy does not matter.
The published figure stands in configs/celeb_a_sngan.py.
"""

from configs.celeb_a_nonconv import config as learning
from configs.celeb_a_sngan import config as generator
from ebm_tf.config.fid import FeatureExtractor, measurement_of

config = measurement_of(
    learning,
    name="celeb_a_generator",
    start="generator",
    generator=generator.generator,
    features=FeatureExtractor(name="inception_2015"),
    num_samples=50_000,
    num_steps=0,
)
