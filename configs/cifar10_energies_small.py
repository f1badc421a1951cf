"""The energies of a small classifier of CIFAR-10 under eight attacks.

python3 ebm_tf/analyze.py configs/cifar10_energies_small.py --data_dir DIR

It is the released one of configs/cifar10_clean_small.py; `--set weights=RUN` takes
another, the folder of a run of `train_clf.py`. The first 250 test images are attacked,
all are analysed.
Expected: five minutes of one core; mean E(x) -8.4, and -18 under PGD, -20 under
TRADES-KL, -17 under APGD-CE, -6.2 under APGD-DLR, -5.2 under APGD-T, -6.4 under FAB-T,
-6.3 under Square and -6.5 under Carlini and Wagner.
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
