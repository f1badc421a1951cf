"""As configs_attack/mnist.py; the attack differentiates through the whole chain.

python3 ebm_tf/attack.py configs_attack/mnist_chain.py --data_dir DIR \
    --set classifier.weights=CLASSIFIER_RUN

Expected: an hour or more of one core for 100 test images (not run by us in full): with
four chains and eight steps 0.81 of 200 were left where BPDA leaves 0.95.
"""

import dataclasses

from configs_attack.mnist import config as mnist

config = dataclasses.replace(
    mnist,
    name="mnist_chain",
    attack=dataclasses.replace(mnist.attack, gradient="chain", stops_at_error=False),
    num_final_replicates=100,
)
