"""As configs_attack/digits.py; the attack is AutoAttack for random classifiers.

python3 ebm_tf/attack.py configs_attack/digits_rand.py

Two climbs by APGD, of the cross-entropy and of the difference of logits ratio, each on
means over eight chains; `by_step` is after each of them. Fewer steps and chains than
published, which are 100 and 20. Expected: about fifteen minutes on two cores.
"""

import dataclasses

from configs_attack.digits import config as digits
from ebm_tf.config.defense import PurifiedAutoAttack

config = dataclasses.replace(
    digits,
    name="digits_rand",
    attack=PurifiedAutoAttack(num_steps=20, num_replicates=8),
)
