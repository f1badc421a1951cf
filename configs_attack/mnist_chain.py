"""As configs_attack/mnist.py; the attack differentiates through the whole chain.

python3 ebm_tf/attack.py configs_attack/mnist_chain.py --data_dir DIR

Not run by us in full. Expected: of 200 images, with four chains, eight steps and `--set
attack.step_size=12.75` (14 minutes of CPU time, docs/defence.md), 0.805 where BPDA
leaves 0.945, before another run of the classifier's config than the released one.
"""

import dataclasses

from configs_attack.mnist import config as mnist

config = dataclasses.replace(
    mnist,
    name="mnist_chain",
    attack=dataclasses.replace(mnist.attack, gradient="chain", stops_at_error=False),
    num_final_replicates=100,
)
