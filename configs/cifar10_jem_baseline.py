"""The classifier of cifar10_jem without p(x): the baseline mode of JEM programs.

python3 ebm_tf/train_jem.py configs/cifar10_jem_baseline.py

No chain is run. Expected: as long as any WRN-28-10 (not run by us).
"""

import dataclasses

from configs.cifar10_jem import config as jem
from ebm_tf.config.joint import JointTerms

config = dataclasses.replace(
    jem,
    name="cifar10_jem_baseline",
    terms=JointTerms(marginal=0.0),
    chains=None,
    labelled=None,
)
