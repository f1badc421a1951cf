"""Prior EBM of handwritten digits (8x8), which digits_conv corrects.

python3 ebm_tf/train.py configs/digits_prior.py

Expected: at most two minutes on two cores; `frechet_pixels` 1.02 with 1,000 samples
after 100 Langevin steps. Chains make larger steps than those of
digits_nonconv, and data gets more noise, so that they come around in fewer of them.
"""

import dataclasses

from configs.digits_nonconv import config as short_run
from ebm_tf.config.chains import Persistent
from ebm_tf.config.optimizers import Optimizer
from ebm_tf.config.parts import GeneratorNetwork, Langevin, Network

config = dataclasses.replace(
    short_run,
    name="digits_prior",
    energy=Network(activation="silu"),
    data_epsilon=0.08,
    langevin=Langevin(noise=0.1),
    gaussian_stddev=0.5,
    generator=GeneratorNetwork(
        width=32, latent_size=64, weights="release:digits_sngan"
    ),
    chains=Persistent(
        start="generator", bank_size=2000, num_steps=10, rejuvenation=0.1
    ),
    energy_optimizer=Optimizer(
        learning_rate=((1e-3, 0), (2e-4, 600), (5e-5, 900)),
        average_decay=0.99,
        average_warmup=False,
    ),
    num_updates=1200,
)
