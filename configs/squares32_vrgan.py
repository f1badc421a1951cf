"""Directions between squares of two sizes (32x32) by the direct method, VR-GAN.

python3 ebm_tf/train_vrgan.py configs/squares32_vrgan.py

Published values (Bigolin Lanfredi et al., 2023) of squares of 224 pixels, with a
network of three levels less, and a classifier without normalisation.
"""

from ebm_tf.config.classifier import ClassifierNetwork
from ebm_tf.config.mapper import MapperNetwork, MapperTraining
from ebm_tf.config.parts import Data

config = MapperTraining(
    name="squares32_vrgan",
    data=Data(name="squares32", image_size=32, channels=1),
    mapper=MapperNetwork(depth=3),
    classifier=ClassifierNetwork(
        architecture="sngan", width=64, norm="none", num_classes=2
    ),
)
