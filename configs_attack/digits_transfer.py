"""As configs_attack/digits.py; the attack knows nothing of the defence.

python3 ebm_tf/attack.py configs_attack/digits_transfer.py

Expected: at most two minutes on two cores.
"""

import dataclasses

from configs_attack.digits import config as digits

config = dataclasses.replace(
    digits,
    name="digits_transfer",
    attack=dataclasses.replace(digits.attack, gradient="transfer"),
)
