"""As configs_attack/digits_rand.py; through the whole chain.

python3 ebm_tf/attack.py configs_attack/digits_chain_rand.py

APGD by the exact gradient; `--set attack.climbs="('apgd_ce',)"` raises the
cross-entropy alone. Expected: an hour and a half on two cores (not run by us).
"""

import dataclasses

from configs_attack.digits_rand import config as rand

config = dataclasses.replace(
    rand,
    name="digits_chain_rand",
    attack=dataclasses.replace(rand.attack, gradient="chain"),
    num_final_replicates=100,
)
