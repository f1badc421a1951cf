"""Directions between two spheres of 500 dimensions by the direct method, VR-GAN.

python3 ebm_tf/train_vrgan.py configs/sphere_vrgan.py

Published values (Bigolin Lanfredi et al., 2023). Published: a cosine of 0.90 with the
true direction, and differences of norm 0.31 and 0.34 where the true ones have 0.3.
"""

from ebm_tf.config.classifier import ClassifierNetwork
from ebm_tf.config.mapper import MapperNetwork, MapperTraining
from ebm_tf.config.parts import Data

config = MapperTraining(
    name="sphere_vrgan",
    data=Data(name="spheres", image_size=1, channels=500),
    mapper=MapperNetwork(architecture="dense"),
    classifier=ClassifierNetwork(
        architecture="mlp", depth=2, width=1000, num_classes=2, norm="frozen"
    ),
    num_updates=800_000,
    batch=50,
    log_every=10_000,
    measure_every=10_000,
    save_every=10_000,
)
