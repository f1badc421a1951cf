"""SNGAN generator of ImageNet at 128x128, from which chains of an EBM can start.

python3 ebm_tf/train_gen.py configs/imagenet_sngan.py --data_dir DIR

Hyper-parameters of Lee and Town (2020), after Miyato et al. (2018). Expected: an FID of
65.7 with 50,000 samples (the authors' figure, not ours). The epsilon of batch
normalisation is 1e-3 here, so that any other config can start from its weights as they
are; theirs was 1e-5.
"""

import dataclasses

from configs.cifar10_sngan import config as cifar10
from ebm_tf.config.generator import ADAM
from ebm_tf.config.optimizers import Linear
from ebm_tf.config.parts import Data

config = dataclasses.replace(
    cifar10,
    name="imagenet_sngan",
    data=Data(name="imagenet2012", image_size=128),
    generator_optimizer=dataclasses.replace(
        ADAM, learning_rate=Linear(first=2e-4, num_steps=450_000)
    ),
    discriminator_optimizer=dataclasses.replace(
        ADAM, learning_rate=Linear(first=2e-4, num_steps=2_250_000), average_decay=0.0
    ),
    num_updates=450_000,
)
