"""Class-conditional generator of squares (32x32), for directions by latent search.

python3 ebm_tf/train_gen.py configs/squares32_cgan.py

Values of Bigolin Lanfredi et al. (2023), whose generator had spectral normalisation
besides. Published: a cosine of 0.61 with the true direction.
"""

from ebm_tf.config.generator import GeneratorTraining, MultiHinge
from ebm_tf.config.optimizers import Optimizer
from ebm_tf.config.parts import Data, DiscriminatorNetwork, GeneratorNetwork

ADAM = Optimizer(learning_rate=2e-4, beta_1=0.0, beta_2=0.999)

config = GeneratorTraining(
    name="squares32_cgan",
    data=Data(name="squares32", image_size=32, channels=1),
    generator=GeneratorNetwork(num_classes=2, batch_norm_epsilon=1e-5),
    discriminator=DiscriminatorNetwork(width=256),
    objective=MultiHinge(),
    generator_optimizer=ADAM,
    discriminator_optimizer=ADAM,
    discriminator_updates=4,
    num_updates=25_000,
    batch=50,
)
