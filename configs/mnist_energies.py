"""The energies of a classifier of MNIST (28x28) under eight attacks.

python3 ebm_tf/analyze.py configs/mnist_energies.py --data_dir DIR

It is the released one of configs/mnist_clean.py; `--set weights=RUN` takes another, the
folder of a run of `train_clf.py`. The first 250 test images are attacked, all 10,000
are analysed.
Expected: at most four minutes on two cores; mean E(x) -9.6, and -49 under PGD, -38
under TRADES-KL, -49 under APGD-CE, -14 under APGD-DLR, -8.1 under APGD-T, -6.3 under
FAB-T, -19 under Square and -6.5 under Carlini and Wagner.
"""

import dataclasses

from configs.digits_energies import config as digits
from configs.mnist_clean import config as learning
from ebm_tf.config.attack_energies import AttackEnergies

config = dataclasses.replace(
    digits,
    name="mnist_energies",
    weights="release:mnist_clean",
    data=learning.data,
    validation_split=learning.validation_split,
    test_split=learning.test_split,
    classifier=learning.classifier,
    attacks=dataclasses.replace(
        digits.attacks or AttackEnergies(),
        ball=learning.ball,
        step_size=6.375,
        num_images=250,
    ),
    batch=250,
)
