"""Prior EBM of handwritten digits (8x8), which digits_conv corrects.

python3 ebm_tf/train.py configs/digits_prior.py
"""

import dataclasses

from configs.digits_nonconv import config as short_run
from ebm_tf.config.chains import Persistent
from ebm_tf.config.parts import Optimizer, Samples

config = dataclasses.replace(
    short_run,
    name="digits_prior",
    gaussian_stddev=0.5,
    chains=Persistent(start="data", bank_size=2000, num_steps=10, rejuvenation=0.1),
    energy_optimizer=Optimizer(
        learning_rate=((1e-3, 0), (2e-4, 600), (5e-5, 900)), average_decay=0.99
    ),
    num_updates=1200,
    samples=Samples(num_samples=1000, num_steps=100),
)
