"""As configs_attack/digits.py; APGD by the exact gradient of the whole chain.

python3 ebm_tf/attack.py configs_attack/digits_chain_rand.py

On the cross-entropy alone, which is the first climb of AutoAttack for random
classifiers. Expected: of the first 200 images 0.585 on fresh noise after 13 minutes of
one core, where BPDA leaves 0.730, and PGD to its last step (digits_chain_full.py)
0.545 (docs/defence.md).
"""

import dataclasses

from configs_attack.digits import config as digits
from ebm_tf.config.defense import PurifiedAutoAttack

config = dataclasses.replace(
    digits,
    name="digits_chain_rand",
    attack=PurifiedAutoAttack(
        gradient="chain", climbs=("apgd_ce",), num_steps=40, num_replicates=4
    ),
)
