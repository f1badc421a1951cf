"""Class-conditional generator of squares (32x32), on a laptop.

python3 ebm_tf/train_gen.py configs/squares32_cgan_small.py
"""

import dataclasses

from configs.squares32_cgan import config as published
from ebm_tf.config.optimizers import Optimizer

ADAM = Optimizer(learning_rate=1e-3, beta_1=0.0, beta_2=0.999, average_decay=0.99)

config = dataclasses.replace(
    published,
    name="squares32_cgan_small",
    generator=dataclasses.replace(published.generator, width=16, latent_size=64),
    discriminator=dataclasses.replace(published.discriminator, width=16),
    generator_optimizer=ADAM,
    discriminator_optimizer=ADAM,
    discriminator_updates=2,
    num_updates=6000,
    log_every=100,
    picture_every=500,
    measure_every=500,
    save_every=500,
)
