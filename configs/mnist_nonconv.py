"""Short-run EBM of MNIST, enlarged to 32x32.

python3 ebm_tf/train.py configs/mnist_nonconv.py
"""

import dataclasses

from configs.digits_nonconv import config as digits
from ebm_tf.config.parts import Data, Langevin, Network, Optimizer, Persistent

config = dataclasses.replace(
    digits,
    name="mnist_nonconv",
    data=Data(name="mnist", image_size=32, channels=1),
    energy=Network(width=32, activation="silu"),
    langevin=Langevin(noise=0.03),
    chains=Persistent(start="noise", bank_size=5000, num_steps=20, rejuvenation=0.05),
    energy_optimizer=Optimizer(
        learning_rate=((3e-4, 0), (1e-4, 2000), (3e-5, 3000)), average_decay=0.99
    ),
    num_updates=3500,
    batch=64,
)
