"""Mid-run EBM of handwritten digits (8x8), for defence; chains start from a generator.

python3 ebm_tf/train.py configs/digits_medconv.py

The generator is the released one of configs/digits_sngan.py. The last 360 digits are
left out, for configs_attack to attack. Expected: five minutes on two cores;
`frechet_pixels` 0.71 with 1,000 samples after 1,000 Langevin steps.
"""

import dataclasses

from configs.digits_nonconv import config as short_run
from ebm_tf.config.chains import Persistent
from ebm_tf.config.optimizers import Optimizer
from ebm_tf.config.parts import GeneratorNetwork, Network, Samples

config = dataclasses.replace(
    short_run,
    name="digits_medconv",
    energy=Network(activation="silu"),
    data=dataclasses.replace(short_run.data, split="train[:1437]"),
    generator=GeneratorNetwork(
        width=32, latent_size=64, weights="release:digits_sngan"
    ),
    chains=Persistent(
        start="generator", bank_size=2000, num_steps=20, rejuvenation=0.02
    ),
    energy_optimizer=Optimizer(
        learning_rate=((1e-3, 0), (2e-4, 1200), (5e-5, 1800)),
        average_decay=0.99,
        average_warmup=False,
    ),
    num_updates=2200,
    samples=Samples(num_samples=1000, num_steps=1000),
)
