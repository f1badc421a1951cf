"""Small robust classifier of MNIST (28x28) by TRADES.

python3 ebm_tf/train_clf.py configs/mnist_trades.py

The network is that of configs/mnist_weat_adv.py, the attack starts as published, from
noise of 0.001 beside the image. Expected: at most six minutes on two cores;
`test_accuracy` about 0.98, `pgd20_accuracy` about 0.95.
"""

import dataclasses

from configs.mnist_weat_adv import config as weat_adv
from ebm_tf.config.attacks import Pgd
from ebm_tf.config.objectives import Trades

config = dataclasses.replace(
    weat_adv,
    name="mnist_trades",
    objective=Trades(),
    attack=Pgd(loss="kl", num_steps=10, step_size=12.75, start="normal"),
)
