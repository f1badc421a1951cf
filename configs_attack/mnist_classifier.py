"""Attacks a classifier of MNIST by PGD-20 and AutoAttack, on 1,000 test images.

python3 ebm_tf/attack.py configs_attack/mnist_classifier.py --data_dir DIR

It is the released one of configs/mnist_sat.py; `--set weights=RUN` takes another, the
folder of a run of `train_clf.py`.
"""

import dataclasses

from configs.mnist_clean import config as learning
from ebm_tf.config.robustness import RobustnessMeasurement

config = RobustnessMeasurement(
    name="mnist_classifier",
    weights="release:mnist_sat",
    data=dataclasses.replace(learning.data, split=learning.test_split),
    classifier=learning.classifier,
    ball=learning.ball,
    pgd=learning.evaluation_attack,
    probability_margin=100,
    num_images=1000,
    batch=250,
)
