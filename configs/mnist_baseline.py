"""Small classifier of MNIST (28x28), as a baseline of alignments.

python3 ebm_tf/train_clf.py configs/mnist_baseline.py

The split of Bigolin Lanfredi et al. (2023), without their shuffle; their ResNet-18 with
weights of ImageNet is a small network here, and their 30 epochs are three.
"""

import dataclasses

from configs.mnist35_baseline import config as of_two
from ebm_tf.config.optimizers import Optimizer
from ebm_tf.config.parts import Data

config = dataclasses.replace(
    of_two,
    name="mnist_baseline",
    data=Data(name="mnist", image_size=28, channels=1, split="train[:54000]"),
    validation_split="train[54000:]",
    classifier=dataclasses.replace(of_two.classifier, num_classes=10),
    optimizer=Optimizer(learning_rate=1e-3, beta_1=0.5, average_decay=0.99),
    num_updates=2500,
    batch=64,
    validate_every=500,
)
