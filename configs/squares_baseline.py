"""Classifier of squares (224x224) that is learned plainly.

python3 ebm_tf/train_clf.py configs/squares_baseline.py

Published values (Bigolin Lanfredi et al., 2023), but for the ResNet-18, which began
with weights of ImageNet and kept their statistics. The images take 2 GB of memory; not
run by us. configs/squares32_baseline.py is its variant for a laptop.
"""

from ebm_tf.config.attacks import Ball, Pgd
from ebm_tf.config.classification import ClassifierTraining
from ebm_tf.config.classifier import ClassifierNetwork
from ebm_tf.config.optimizers import Optimizer
from ebm_tf.config.parts import Data

config = ClassifierTraining(
    name="squares_baseline",
    data=Data(name="squares", image_size=224, channels=1),
    validation_split="validation",
    classifier=ClassifierNetwork(
        architecture="resnet", depth=18, num_classes=2, stem="imagenet"
    ),
    evaluation_attack=Pgd(loss="margin", num_steps=40, step_size=1.6),
    ball=Ball(epsilon=25.5, in_range=False),  # 0.2 in units of [-1, 1]
    optimizer=Optimizer(learning_rate=1e-4, beta_1=0.0, beta_2=0.9, average_decay=0.0),
    num_updates=6000,
    batch=12,
    evaluation_batch=20,
    validate_every=200,
    log_every=100,
)
