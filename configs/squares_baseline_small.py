"""Classifier of squares (224x224) that is learned plainly, on a laptop.

python3 ebm_tf/train_clf.py configs/squares_baseline_small.py

The images of configs/squares_baseline.py, a tenth of them, and its network, narrow and
with a larger learning rate. Expected: all test images right, none of them under PGD-40.
"""

import dataclasses

from configs.squares_baseline import config as published
from ebm_tf.config.optimizers import Optimizer

config = dataclasses.replace(
    published,
    name="squares_baseline_small",
    data=dataclasses.replace(published.data, split="train[:1000]"),
    classifier=dataclasses.replace(published.classifier, width=8),
    optimizer=Optimizer(learning_rate=1e-3, beta_1=0.0, beta_2=0.9, average_decay=0.99),
    num_validation=60,
    num_test=200,
    num_updates=600,
    validate_every=200,
)
