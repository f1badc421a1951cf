"""Joint energy-based model of CIFAR-10, by the settings of the unofficial program.

python3 ebm_tf/train_jem.py configs/cifar10_jem_seed.py

One batch of 128 for both terms, dropout, Adam with a warm-up and half a cosine from
1e-4 to 1e-6 over 200 epochs, here of 45,000 images: 5,000 are held out, where that
program selects weights on the test split. Expected, by its author: accuracy 0.90 after
35 epochs, CIFAR-like samples after 15,000 updates (not run by us). Samples are shown
every 100 updates, long chains every 500.
"""

import dataclasses

from configs.cifar10_jem import config as official
from ebm_tf.config.optimizers import Cosine, Optimizer, Warmup

NUM_UPDATES = 200 * 351  # batches of 128

config = dataclasses.replace(
    official,
    name="cifar10_jem_seed",
    classifier=dataclasses.replace(official.classifier, dropout=0.25),
    labelled=None,
    optimizer=Optimizer(
        learning_rate=Warmup(
            num_steps=1000, then=Cosine(first=1e-4, last=1e-6, num_steps=NUM_UPDATES)
        ),
        average_decay=0.0,
    ),
    num_updates=NUM_UPDATES,
    batch=128,
    picture_every=100,
    animate_every=500,
)
