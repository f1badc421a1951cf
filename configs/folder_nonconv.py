"""Short-run EBM of one's own images at 32x32, from a folder, a zip or a tar.

python3 ebm_tf/train.py configs/folder_nonconv.py --set data.path=FOLDER

Expected: 0.7 seconds an update on two cores. It shows colours and coarse shapes; for
more use a GPU and the published values of cifar10_nonconv or celeb_a_nonconv with
`--set data.name=folder --set data.path=FOLDER`. With a sub-folder for each class, and
objects aligned as in MNIST, try `energy`, `langevin`, `data_epsilon` and `chains` of
mnist_nonconv (not tried on photographs).
"""

import dataclasses

from configs.digits_nonconv import config as digits
from ebm_tf.config.chains import Persistent
from ebm_tf.config.optimizers import Optimizer
from ebm_tf.config.parts import Data, Network, Samples

config = dataclasses.replace(
    digits,
    name="folder_nonconv",
    data=Data(name="folder", image_size=32, flip=True),
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
