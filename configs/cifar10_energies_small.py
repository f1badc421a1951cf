"""The energies of a small classifier of CIFAR-10 under eight attacks.

python3 ebm_tf/analyze.py configs/cifar10_energies_small.py --data_dir DIR

It is the released one of configs/cifar10_clean_small.py; `--set weights=RUN` takes
another, the folder of a run of `train_clf.py`. The first 250 test images are attacked,
all are analysed.
"""

import dataclasses

from configs.cifar10_clean_small import config as learning
from configs.cifar10_energies import config as published
from ebm_tf.config.attack_energies import AttackEnergies

config = dataclasses.replace(
    published,
    name="cifar10_energies_small",
    weights="release:cifar10_clean_small",
    data=dataclasses.replace(published.data, split=learning.data.split),
    validation_split=learning.validation_split,
    classifier=learning.classifier,
    attacks=dataclasses.replace(
        published.attacks or AttackEnergies(), num_steps=20, num_images=250
    ),
    batch=250,
)
