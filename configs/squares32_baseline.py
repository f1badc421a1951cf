"""A small classifier of squares (32x32) that is learned plainly.

python3 ebm_tf/train_clf.py configs/squares32_baseline.py

The images of Bigolin Lanfredi et al. (2023) for which the true direction is known; the
network is smaller than theirs.
"""

from ebm_tf.config.attacks import Ball, Pgd
from ebm_tf.config.classification import ClassifierTraining
from ebm_tf.config.classifier import ClassifierNetwork
from ebm_tf.config.optimizers import Optimizer
from ebm_tf.config.parts import Data

config = ClassifierTraining(
    name="squares32_baseline",
    data=Data(name="squares32", image_size=32, channels=1),
    validation_split="validation",
    classifier=ClassifierNetwork(
        architecture="small_cnn", depth=4, width=16, num_classes=2
    ),
    evaluation_attack=Pgd(loss="margin", num_steps=20, step_size=3.2),
    ball=Ball(epsilon=25.5),  # 0.2 in units of [-1, 1]
    optimizer=Optimizer(learning_rate=1e-3, beta_1=0.5, average_decay=0.99),
    num_updates=1000,
    batch=32,
    evaluation_batch=200,
    validate_every=200,
    log_every=100,
)
