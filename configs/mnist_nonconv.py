"""Short-run EBM of MNIST, enlarged to 32x32.

python3 ebm_tf/train.py configs/mnist_nonconv.py

Expected: 49 minutes on two busy cores; legible digits of all classes,
`frechet_pixels` 38 with 1,000 samples.
"""

import dataclasses

from configs.digits_nonconv import config as digits
from ebm_tf.config.chains import Persistent
from ebm_tf.config.optimizers import Optimizer
from ebm_tf.config.parts import Data, Network, Samples

config = dataclasses.replace(
    digits,
    name="mnist_nonconv",
    data=Data(name="mnist", image_size=32, channels=1),
    energy=Network(width=32, activation="silu"),
    chains=Persistent(start="noise", bank_size=5000, num_steps=20, rejuvenation=0.05),
    energy_optimizer=Optimizer(
        learning_rate=((2e-4, 0), (1e-4, 1200), (3e-5, 2000)),
        average_decay=0.99,
        average_warmup=False,
    ),
    num_updates=2500,
    batch=64,
    samples=Samples(num_samples=1000, num_steps=400),
)
