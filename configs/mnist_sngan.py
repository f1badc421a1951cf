"""Generator of MNIST, enlarged to 32x32.

python3 ebm_tf/train_gen.py configs/mnist_sngan.py

Expected: at most six minutes on two cores; `frechet_pixels` 22 with 1,000 samples,
all ten classes among them.
"""

import dataclasses

from configs.digits_sngan import config as digits
from ebm_tf.config.optimizers import Linear
from ebm_tf.config.parts import Data, DiscriminatorNetwork, GeneratorNetwork

config = dataclasses.replace(
    digits,
    name="mnist_sngan",
    data=Data(name="mnist", image_size=32, channels=1),
    generator=GeneratorNetwork(width=32, latent_size=64),
    discriminator=DiscriminatorNetwork(width=32),
    generator_optimizer=dataclasses.replace(
        digits.generator_optimizer, learning_rate=Linear(first=5e-4, num_steps=2000)
    ),
    discriminator_optimizer=dataclasses.replace(
        digits.discriminator_optimizer, learning_rate=Linear(first=5e-4, num_steps=4000)
    ),
    discriminator_updates=2,
    num_updates=2000,
)
