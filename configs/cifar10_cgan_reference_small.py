"""Another generator of CIFAR-10 (32x32), to measure with, on a laptop.

python3 ebm_tf/train_gen.py configs/cifar10_cgan_reference_small.py

It differs from that of configs/cifar10_cgan_small.py, which classifiers learn with, in
its seed.
"""

import dataclasses

from configs.cifar10_cgan_small import config as learned_with

config = dataclasses.replace(learned_with, name="cifar10_cgan_reference_small", seed=1)
