"""Small classifier of MNIST (28x28), learned without attacks.

python3 ebm_tf/train_clf.py configs/mnist_clean.py

Expected: at most two minutes on two cores; `test_accuracy` about 0.99, `pgd20_accuracy`
about 0.00.
"""

import dataclasses

from configs.mnist_weat_adv import config as weat_adv
from ebm_tf.config.objectives import Clean

config = dataclasses.replace(
    weat_adv, name="mnist_clean", objective=Clean(), attack=None
)
