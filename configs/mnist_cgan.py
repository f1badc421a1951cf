"""Class-conditional generator of MNIST (28x28), for directions by latent search.

python3 ebm_tf/train_gen.py configs/mnist_cgan.py

Values of Bigolin Lanfredi et al. (2023), but for what `squares32_cgan` says, for
images of 28 pixels that are not padded with networks that go with them, and for the
validation images of classifiers, which are left out. A second generator, to measure
with: --set seed=1 --set name=mnist_cgan_reference
"""

import dataclasses

from configs.squares32_cgan import config as squares
from ebm_tf.config.parts import Data

config = dataclasses.replace(
    squares,
    name="mnist_cgan",
    data=Data(name="mnist", image_size=28, channels=1, split="train[:54000]"),
    generator=dataclasses.replace(squares.generator, num_classes=10),
    discriminator=dataclasses.replace(squares.discriminator, width=128),
    num_updates=125_000,
)
