"""Class-conditional generator of CIFAR-10 (32x32), for directions by latent search.

python3 ebm_tf/train_gen.py configs/cifar10_cgan.py

Values of Bigolin Lanfredi et al. (2023), but for what `squares32_cgan` says, and for
the validation images of classifiers, which are left out. A second generator, to
measure with: --set seed=1 --set name=cifar10_cgan_reference
"""

import dataclasses

from configs.squares32_cgan import config as squares
from ebm_tf.config.parts import Data

config = dataclasses.replace(
    squares,
    name="cifar10_cgan",
    data=Data(name="cifar10", image_size=32, split="train[:45000]"),
    generator=dataclasses.replace(squares.generator, num_classes=10),
    num_updates=125_000,
)
