"""Small classifier of MNIST (28x28) by standard adversarial training.

python3 ebm_tf/train_clf.py configs/mnist_sat.py

The attack and the network are those of configs/mnist_weat_adv.py. Expected: at most
five minutes on two cores; `test_accuracy` about 0.99, `pgd20_accuracy` about 0.96.
"""

import dataclasses

from configs.mnist_weat_adv import config as weat_adv
from ebm_tf.config.attacks import Pgd
from ebm_tf.config.objectives import Sat

config = dataclasses.replace(
    weat_adv,
    name="mnist_sat",
    objective=Sat(),
    attack=Pgd(num_steps=10, step_size=12.75),
)
