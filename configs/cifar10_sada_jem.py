"""SADA-JEM of CIFAR-10: sharpness-aware, with images of p(x) as they are.

python3 ebm_tf/train_jem.py configs/cifar10_sada_jem.py

The settings of Yang et al. (2023): what cifar10_jempp has, with five steps, 64 images
of p(x) without augmentation and noise beside 128 augmented ones with labels, and
gradients where the loss is higher. Expected, by the authors: accuracy 0.960, FID 17.4
of their replay buffer (not run by us).
"""

import dataclasses

from configs.cifar10_jempp import config as jempp
from ebm_tf.config.joint import LabelledImages, SharpnessAware
from ebm_tf.config.optimizers import Sgd, Warmup

EPOCH = 351  # batches of 128

config = dataclasses.replace(
    jempp,
    name="cifar10_sada_jem",
    chains=dataclasses.replace(jempp.chains, num_steps=5),
    data_epsilon=0.0,
    labelled=LabelledImages(batch=128, positives_augmented=False),
    sharpness_aware=SharpnessAware(rho=2.0, adaptive=True),
    optimizer=Sgd(
        learning_rate=Warmup(
            num_steps=1000,
            then=(
                (0.1, 0),
                (0.02, 60 * EPOCH),
                (0.004, 120 * EPOCH),
                (0.0008, 180 * EPOCH),
            ),
        ),
        weight_decay=5e-4,
    ),
    num_updates=200 * EPOCH,
)
