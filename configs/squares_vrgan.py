"""Directions between squares of two sizes (224x224) by the direct method, VR-GAN.

python3 ebm_tf/train_vrgan.py configs/squares_vrgan.py

Published values (Bigolin Lanfredi et al., 2023), but for the classifier, which was a
ResNet-18 with weights of ImageNet. Published: a cosine of 0.87 with the true direction.
"""

from ebm_tf.config.classifier import ClassifierNetwork
from ebm_tf.config.mapper import MapperNetwork, MapperTraining
from ebm_tf.config.parts import Data

config = MapperTraining(
    name="squares_vrgan",
    data=Data(name="squares", image_size=224, channels=1),
    mapper=MapperNetwork(),
    classifier=ClassifierNetwork(
        architecture="sngan", width=32, norm="none", num_classes=2
    ),
)
