"""Small classifier of threes and fives of MNIST (28x28), learned plainly.

python3 ebm_tf/train_clf.py configs/mnist35_baseline.py

Optimizer and number of images of Bigolin Lanfredi et al. (2023); their ResNet-18 with
weights of ImageNet is a small network here, which asks for a larger learning rate.
"""

from ebm_tf.config.attacks import Ball, Pgd
from ebm_tf.config.classification import ClassifierTraining
from ebm_tf.config.classifier import ClassifierNetwork
from ebm_tf.config.optimizers import Optimizer
from ebm_tf.config.parts import Data

config = ClassifierTraining(
    name="mnist35_baseline",
    data=Data(name="mnist35", image_size=28, channels=1),
    validation_split="validation",
    num_validation=500,
    classifier=ClassifierNetwork(
        architecture="small_cnn", depth=5, width=16, num_classes=2
    ),
    evaluation_attack=Pgd(loss="margin", num_steps=20, step_size=4.8),
    ball=Ball(epsilon=38.25),  # 0.3 in units of [-1, 1]
    optimizer=Optimizer(learning_rate=1e-3, beta_1=0.0, beta_2=0.9, average_decay=0.99),
    num_updates=2250,
    batch=32,
    evaluation_batch=250,
    validate_every=450,
    log_every=150,
)
