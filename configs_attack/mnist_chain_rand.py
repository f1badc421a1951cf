"""As configs_attack/mnist_chain.py; APGD by the exact gradient of the whole chain.

python3 ebm_tf/attack.py configs_attack/mnist_chain_rand.py --data_dir DIR

The strongest attack on this defence that we found. Expected: of 200 test images 0.745
on fresh noise after 28 minutes of one core, 0.705 with `--set attack.num_steps=80`, and
0.68 with 160 and 320 on what is left, where BPDA leaves 0.965 (docs/defence.md).
"""

import dataclasses

from configs_attack.digits_chain_rand import config as of_digits
from configs_attack.mnist import config as mnist

config = dataclasses.replace(
    mnist,
    name="mnist_chain_rand",
    attack=dataclasses.replace(of_digits.attack, num_replicates=2),
)
