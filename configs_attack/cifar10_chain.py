"""As configs_attack/cifar10.py; the attack differentiates through the whole chain.

python3 ebm_tf/attack.py configs_attack/cifar10_chain.py --set weights=RUN \
    --set classifier.weights=CLASSIFIER_RUN

The budget of MEFA (arXiv:2605.06357): 100 steps with 20 chains each, all to the last
one; by it an older defence of this kind went from 0.549 to 0.061. The published energy
is piecewise linear, so that its rectifiers are bent where they are differentiated, and
only there; of a smooth energy say `--set attack.sharpness=None`. `--dry_run` shows the
memory; `attack.segment` and `chunk` lower it. Expected: not run by us; some ten times
what the other config takes.
"""

import dataclasses

from configs_attack.cifar10 import config as cifar10
from ebm_tf.config.defense import PurifiedPgd

config = dataclasses.replace(
    cifar10,
    name="cifar10_chain",
    attack=PurifiedPgd(
        gradient="chain",
        num_steps=100,
        step_size=2.0,
        num_replicates=20,
        segment=50,
        sharpness=50.0,
        stops_at_error=False,
    ),
    chunk=256,
)
