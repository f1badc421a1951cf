"""Directions between threes and fives of MNIST (28x28) by the direct method, VR-GAN.

python3 ebm_tf/train_vrgan.py configs/mnist35_vrgan.py

Published values (Bigolin Lanfredi et al., 2023), but for the classifier, which was a
ResNet-18 with weights of ImageNet. A second mapper, to measure with:
--set seed=1 --set name=mnist35_vrgan_reference
"""

from ebm_tf.config.classifier import ClassifierNetwork
from ebm_tf.config.mapper import MapperNetwork, MapperTraining
from ebm_tf.config.parts import Data

config = MapperTraining(
    name="mnist35_vrgan",
    data=Data(name="mnist35", image_size=28, channels=1),
    mapper=MapperNetwork(depth=2),
    classifier=ClassifierNetwork(
        architecture="sngan", width=64, norm="none", num_classes=2
    ),
)
