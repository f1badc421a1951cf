"""As configs_attack/digits.py, without the defence.

python3 ebm_tf/attack.py configs_attack/digits_undefended.py

Expected: at most a minute on two cores.
"""

import dataclasses

from configs_attack.digits import config as digits

config = dataclasses.replace(
    digits,
    name="digits_undefended",
    defense=dataclasses.replace(digits.defense, num_steps=0),
)
