"""ResNet-18 of CIFAR-10 by adversarial training, without images of high energy.

python3 ebm_tf/train_clf.py configs/cifar10_removal.py --set removal.weights=RUN

RUN is the folder that configs/cifar10_sat.py left; this learns the same again without
the training images of E(x) > -3.87 that it gets right, of which Mirza et al. (2024)
report that robustness needs them. Of those of low energy they report that they lead to
overfitting: `--set removal.side=low --set removal.threshold=-11.47 --set
removal.only_correct=False` leaves these out, and `--set removal.at_random=True` as many
of each class at random. Both thresholds are theirs, for the energies of their network:
`--dry_run` and the log say how many images they remove. Expected: about half a day on
one GPU.
"""

import dataclasses

from configs.cifar10_sat import config as sat
from ebm_tf.config.removal import EnergyRemoval

config = dataclasses.replace(
    sat,
    name="cifar10_removal",
    removal=EnergyRemoval(side="high", threshold=-3.87, only_correct=True),
)
