"""Compares two classifiers of MNIST (28x28) by their energies under PGD.

python3 ebm_tf/compare.py configs/mnist_energy_comparison.py --data_dir DIR

They are the released ones of configs/mnist_clean.py and configs/mnist_sat.py; `--set
"runs=('RUN', 'RUN')"` compares others, each the folder of a run that learned one, or of
a finished run of configs/mnist_energies.py. Expected: about a minute; mean E(x) - E(x*)
39 for mnist_clean, of which the attacks leave nothing, and -1.0 for mnist_sat, of which
they leave 0.95 of 250 images.
"""

import dataclasses

from configs.digits_energy_comparison import config as digits
from configs.mnist_energies import config as mnist
from ebm_tf.config.attack_energies import AttackEnergies

config = dataclasses.replace(
    digits,
    name="mnist_energy_comparison",
    data=mnist.data,
    validation_split=mnist.validation_split,
    test_split=mnist.test_split,
    classifier=mnist.classifier,
    attacks=dataclasses.replace(
        mnist.attacks or AttackEnergies(),
        attacks=("pgd", "trades_kl", "apgd_ce", "apgd_t"),
    ),
    runs=("release:mnist_clean", "release:mnist_sat"),
    batch=mnist.batch,
)
