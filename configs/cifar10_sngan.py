"""SNGAN generator of CIFAR-10 at 32x32, from which chains of an EBM can start.

python3 ebm_tf/train_gen.py configs/cifar10_sngan.py

Hyper-parameters of Lee and Town (2020), after Miyato et al. (2018). Expected: an FID of
16.8 with 50,000 samples (the authors' figure, not ours). The epsilon of batch
normalisation is 1e-3 here, so that any other config can start from its weights as they
are; theirs was 1e-5.
"""

import dataclasses

from ebm_tf.config.generator import ADAM, GeneratorTraining
from ebm_tf.config.optimizers import Linear
from ebm_tf.config.parts import Data, GeneratorNetwork

config = GeneratorTraining(
    name="cifar10_sngan",
    data=Data(name="cifar10", image_size=32),
    generator=GeneratorNetwork(for_rectifiers=True),
    generator_optimizer=dataclasses.replace(
        ADAM, learning_rate=Linear(first=2e-4, num_steps=100_000)
    ),
    # Five updates for each of the generator, so both rates fall alike.
    discriminator_optimizer=dataclasses.replace(
        ADAM, learning_rate=Linear(first=2e-4, num_steps=500_000), average_decay=0.0
    ),
)
