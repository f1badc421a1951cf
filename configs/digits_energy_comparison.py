"""Compares classifiers of handwritten digits (8x8) by their energies under PGD.

python3 ebm_tf/compare.py configs/digits_energy_comparison.py

They are released ones; `--set "runs=('RUN', 'RUN')"` compares others, each the folder
of a run that learned one, or of a finished run of configs/digits_energies.py.
`--set "robustness=('RUN', '')"` takes the accuracies of the first from a run of
configs_attack/digits_classifier.py, not from the worst case of the attacks made here.
Expected: at most two minutes on two cores; the more robust, the narrower E(x) - E(x*):
half of the images are in [-5.6, 0.8] for digits_clean, in [-1.3, -0.5] for digits_jem
and in [-0.7, -0.3] for digits_weat_adv, which keep 0.05, 0.20 and 0.75.
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
