"""Short-run EBM of MNIST, enlarged to 32x32.

python3 ebm_tf/train.py configs/mnist_nonconv.py

Expected: 18 minutes on one core; mostly legible digits of all classes, `frechet_pixels`
9.5 with 1,000 samples after 200 steps from the Gaussian of each class, which is at 14.6
itself (docs/energies.md has a better measure).
"""

import dataclasses

from configs.digits_nonconv import config as digits
from ebm_tf.config.chains import Persistent
from ebm_tf.config.optimizers import Optimizer
from ebm_tf.config.parts import ClippedLangevin, Data, Network, Samples

config = dataclasses.replace(
    digits,
    name="mnist_nonconv",
    data=Data(name="mnist", image_size=32, channels=1),
    # Means over space see strokes, but not where they are.
    energy=Network(width=16, activation="silu", pooling="none"),
    # Noise below that of the data (data_epsilon), else a step overshoots; chains are
    # kept where the energy is learned.
    langevin=ClippedLangevin(noise=0.05, image_bound=1.25),
    data_epsilon=0.06,
    chains=Persistent(
        start="class_gaussian", bank_size=5000, num_steps=10, rejuvenation=0.05
    ),
    energy_optimizer=Optimizer(
        learning_rate=((1e-3, 0), (5e-4, 2500), (2e-4, 4000), (5e-5, 5000)),
        beta_1=0.5,
        average_decay=0.995,
        average_warmup=False,
    ),
    num_updates=5500,
    batch=64,
    samples=Samples(num_samples=1000, num_steps=200),
)
