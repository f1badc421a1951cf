"""Long-run EBM of handwritten digits (8x8): corrects the prior of digits_prior.

python3 ebm_tf/train_longrun.py configs/digits_conv.py

The prior and the generator are the released ones of configs/digits_prior.py and
digits_sngan.py; `--set prior.weights=RUN` takes another prior.
Expected: ten minutes on two cores, and a minute and a half for its prior;
`frechet_pixels` 0.73 with 1,000 samples after 1,000 Langevin steps.
"""

import dataclasses

from configs.digits_prior import config as prior
from ebm_tf.config.chains import BurnIn
from ebm_tf.config.ebm import LongRunTraining
from ebm_tf.config.optimizers import Optimizer
from ebm_tf.config.parts import Samples

config = LongRunTraining(
    name="digits_conv",
    data=prior.data,
    data_epsilon=prior.data_epsilon,
    langevin=prior.langevin,
    temperature=prior.temperature,
    gaussian_stddev=prior.gaussian_stddev,
    energy=prior.energy,
    prior=dataclasses.replace(prior.energy, weights="release:digits_prior"),
    generator=prior.generator,
    chains=BurnIn(
        start="generator",
        bank_size=1000,
        burn_in_size=300,
        num_steps=10,
        burn_in_steps=10,
        burn_in_visits=400,
    ),
    energy_optimizer=Optimizer(
        learning_rate=((5e-4, 0), (2e-4, 1800), (5e-5, 3000)),
        average_decay=0.998,
        average_warmup=False,
    ),
    num_updates=3600,
    batch=100,
    samples=Samples(num_samples=1000, num_steps=1000),
    log_every=100,
    picture_every=500,
    save_every=500,
)
