"""Class-conditional generator of CIFAR-10 (32x32), of 7,880 images, on a laptop.

python3 ebm_tf/train_gen.py configs/cifar10_cgan_small.py

Its discriminator takes the class beside the image (projection; Miyato and Koyama,
2018). The published one, which tells classes apart, gave 0.07 of the data their class
after 1,000 of these updates (--set "objective=MultiHinge()"). At the rates of
configs/squares32_cgan_small.py that one came to call every image a generated one.
"""

import dataclasses

from configs.cifar10_cgan import config as published
from configs.squares32_cgan_small import ADAM
from configs.squares32_cgan_small import config as small
from ebm_tf.config.generator import Hinge

config = dataclasses.replace(
    small,
    name="cifar10_cgan_small",
    data=dataclasses.replace(published.data, split="train[:7880]"),
    generator=dataclasses.replace(small.generator, num_classes=10, width=32),
    discriminator=dataclasses.replace(small.discriminator, width=32),
    objective=Hinge(),
    generator_optimizer=dataclasses.replace(ADAM, learning_rate=2e-4),
    discriminator_optimizer=dataclasses.replace(ADAM, learning_rate=4e-4),
    num_updates=6000,
)
