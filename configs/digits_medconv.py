"""Mid-run EBM of handwritten digits (8x8); chains start from data.

python3 ebm_tf/train.py configs/digits_medconv.py

Expected: at most seven minutes on two cores; `frechet_pixel` 0.71 with 1,000
samples after 1,000 Langevin steps.
"""

import dataclasses

from configs.digits_nonconv import config as short_run
from ebm_tf.config.chains import Persistent
from ebm_tf.config.optimizers import Optimizer
from ebm_tf.config.parts import Samples

config = dataclasses.replace(
    short_run,
    name="digits_medconv",
    chains=Persistent(start="data", bank_size=2000, num_steps=20, rejuvenation=0.02),
    energy_optimizer=Optimizer(
        learning_rate=((1e-3, 0), (2e-4, 1200), (5e-5, 1800)), average_decay=0.99
    ),
    num_updates=2200,
    samples=Samples(num_samples=1000, num_steps=1000),
)
