"""Small robust classifier of MNIST (28x28) by WEAT_adv.

python3 ebm_tf/train_clf.py configs/mnist_weat_adv.py

An attack may move every pixel by 0.2 of its range. It starts anywhere in the ball: from
the published start, noise of 0.001 beside the image, a network learned to mask its
gradients here (docs/classifiers.md). Expected: at most six minutes on two cores;
`test_accuracy` about 0.97, `pgd20_accuracy` about 0.91.
"""

import dataclasses

from configs.digits_weat_adv import config as digits
from ebm_tf.config.attacks import Ball, Pgd
from ebm_tf.config.optimizers import OneCycle, Sgd
from ebm_tf.config.parts import Data

config = dataclasses.replace(
    digits,
    name="mnist_weat_adv",
    data=Data(name="mnist", image_size=28, channels=1, split="train[:59000]"),
    validation_split="train[59000:]",
    test_split="test",
    attack=Pgd(loss="kl", num_steps=10, step_size=12.75, start="uniform"),
    ball=Ball(epsilon=51.0),
    evaluation_attack=Pgd(num_steps=20, step_size=6.375),
    optimizer=Sgd(
        learning_rate=OneCycle(peak=0.1, first=0.004, last=4e-7, num_steps=3000),
        momentum=OneCycle(peak=0.85, first=0.95, last=0.95, num_steps=3000),
    ),
    batch=64,
    num_updates=3000,
    evaluation_batch=500,
    validate_every=500,
    log_every=50,
)
