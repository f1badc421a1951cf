"""Small robust classifier of MNIST (28x28) by MART.

python3 ebm_tf/train_clf.py configs/mnist_mart.py

The attack and the network are those of configs/mnist_sat.py. Expected: about its time
(not run by us).
"""

import dataclasses

from configs.mnist_sat import config as sat
from ebm_tf.config.objectives import Mart

config = dataclasses.replace(sat, name="mnist_mart", objective=Mart())
