"""Compares classifiers of handwritten digits (8x8) by their energies under PGD.

python3 ebm_tf/compare.py configs/digits_energy_comparison.py

They are released ones; `--set "runs=('RUN', 'RUN')"` compares others, each the folder
of a run that learned one, or of a finished run of configs/digits_energies.py.
`--set "robustness=('RUN', 'RUN')"` takes the accuracies of runs of
configs_attack/digits_classifier.py for the worst case of the attacks that are made here.
"""

import dataclasses

from configs.digits_energies import config as digits
from ebm_tf.config.attack_energies import AttackEnergies
from ebm_tf.config.comparison import EnergyComparison

config = EnergyComparison(
    name="digits_energy_comparison",
    data=digits.data,
    validation_split=digits.validation_split,
    test_split=digits.test_split,
    classifier=digits.classifier,
    noise=digits.noise,
    distal=None,
    attacks=dataclasses.replace(
        digits.attacks or AttackEnergies(),
        attacks=("pgd", "apgd_ce", "apgd_t", "fab_t", "square"),
    ),
    runs=("release:digits_clean", "release:digits_jem", "release:digits_weat_adv"),
    batch=digits.batch,
)
