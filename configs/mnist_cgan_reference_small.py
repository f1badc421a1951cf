"""Another generator of MNIST (28x28), to measure with, on a laptop.

python3 ebm_tf/train_gen.py configs/mnist_cgan_reference_small.py

It differs from that of configs/mnist_cgan_small.py, which classifiers learn with, in
its seed.
"""

import dataclasses

from configs.mnist_cgan_small import config as learned_with

config = dataclasses.replace(learned_with, name="mnist_cgan_reference_small", seed=1)
