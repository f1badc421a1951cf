"""Class-conditional generator of MNIST (28x28), on a laptop.

python3 ebm_tf/train_gen.py configs/mnist_cgan_small.py
"""

import dataclasses

from configs.mnist_cgan import config as published
from configs.squares32_cgan_small import config as small

config = dataclasses.replace(
    small,
    name="mnist_cgan_small",
    data=published.data,
    generator=dataclasses.replace(small.generator, num_classes=10, width=32),
    discriminator=dataclasses.replace(small.discriminator, width=32),
    num_updates=3000,
)
