"""As configs_attack/digits.py; the attacker knows the noise, which never changes.

python3 ebm_tf/attack.py configs_attack/digits_fixed.py

The attack averages over all the chains that the defence has. Expected: about twenty
minutes on two cores; `robust_accuracy_fresh` shows what the attack is worth on other
noise.
"""

import dataclasses

from configs_attack.digits import config as digits

config = dataclasses.replace(
    digits,
    name="digits_fixed",
    defense=dataclasses.replace(digits.defense, noise="fixed"),
    attack=dataclasses.replace(
        digits.attack, num_replicates=digits.defense.num_replicates
    ),
)
