"""Another mapper between threes and fives of MNIST, to measure with, on a laptop.

python3 ebm_tf/train_vrgan.py configs/mnist35_vrgan_reference_small.py

It differs from that of configs/mnist35_vrgan_small.py, which classifiers learn with, in
its seed.
"""

import dataclasses

from configs.mnist35_vrgan_small import config as learned_with

config = dataclasses.replace(learned_with, name="mnist35_vrgan_reference_small", seed=1)
