"""As configs_attack/digits.py; the attack differentiates through a shorter chain.

python3 ebm_tf/attack.py configs_attack/digits_chain.py

Expected: about ten minutes on two cores.
"""

import dataclasses

from configs_attack.digits import config as digits

config = dataclasses.replace(
    digits,
    name="digits_chain",
    attack=dataclasses.replace(digits.attack, gradient="chain", chain_steps=30),
)
