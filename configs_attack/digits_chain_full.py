"""As configs_attack/digits_chain.py, through the whole chain, and to the last step.

python3 ebm_tf/attack.py configs_attack/digits_chain_full.py

The exact gradient (MEFA, arXiv:2605.06357): `robust_accuracy` is the worst of all
steps, `robust_accuracy_last` what images are worth at the last one, `judged` both on
fresh noise by 1 to 100 copies. `--set attack.num_steps=`, `attack.num_replicates=` and
`attack.num_restarts=` spend more. Expected: about an hour on two cores; of the
first 120 images 0.59 with `--set attack.stops_at_error=True`, in a quarter of one; of
the first 200 by four chains and 40 steps 0.48, at the last step 0.55, where BPDA leaves
0.64.
"""

import dataclasses

from configs_attack.digits_chain import config as chain

config = dataclasses.replace(
    chain,
    name="digits_chain_full",
    attack=dataclasses.replace(chain.attack, chain_steps=None, stops_at_error=False),
    num_final_replicates=100,
)
