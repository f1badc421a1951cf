"""A dense classifier of two spheres in 500 dimensions, learned plainly.

python3 ebm_tf/train_clf.py configs/sphere_baseline.py

Published values (Bigolin Lanfredi et al., 2023), but for 5,000 updates instead of
800,000: --set num_updates=800_000. Its normalisation is frozen, hence an affine map, as
published; two logits stand for the published one, their difference.
"""

from ebm_tf.config.attacks import Ball, Pgd
from ebm_tf.config.classification import ClassifierTraining
from ebm_tf.config.classifier import ClassifierNetwork
from ebm_tf.config.optimizers import Optimizer
from ebm_tf.config.parts import Data

config = ClassifierTraining(
    name="sphere_baseline",
    data=Data(name="spheres", image_size=1, channels=500),
    validation_split="validation",
    num_validation=1000,
    num_test=1000,
    classifier=ClassifierNetwork(
        architecture="mlp", depth=2, width=1000, num_classes=2, norm="frozen"
    ),
    evaluation_attack=Pgd(loss="margin", num_steps=20, step_size=0.08),
    ball=Ball(epsilon=0.6375, in_range=False),  # 0.005 in units of coordinates
    optimizer=Optimizer(learning_rate=1e-4, beta_1=0.0, beta_2=0.9, average_decay=0.0),
    num_updates=5000,
    batch=50,
    evaluation_batch=500,
    validate_every=1000,
    log_every=500,
)
