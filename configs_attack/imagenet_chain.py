"""As configs_attack/imagenet.py; the attack differentiates through the whole chain.

python3 ebm_tf/attack.py configs_attack/imagenet_chain.py --data_dir DIR \
    --set weights=RUN

As configs_attack/cifar10_chain.py says of it. Expected: not run by us; some ten times
what the other config takes.
"""

import dataclasses

from configs_attack.imagenet import config as imagenet
from ebm_tf.config.defense import PurifiedPgd

config = dataclasses.replace(
    imagenet,
    name="imagenet_chain",
    attack=PurifiedPgd(
        gradient="chain",
        num_steps=100,
        step_size=0.5,
        num_replicates=20,
        segment=10,
        sharpness=50.0,
        stops_at_error=False,
    ),
    chunk=16,
)
