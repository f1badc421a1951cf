"""The classifier of digits_jem without p(x): what joint learning is compared with.

python3 ebm_tf/train_jem.py configs/digits_jem_baseline.py

Expected: at most half a minute on two cores; `test_accuracy` 0.90.
"""

import dataclasses

from configs.digits_jem import config as jem
from ebm_tf.config.joint import JointTerms

config = dataclasses.replace(
    jem, name="digits_jem_baseline", terms=JointTerms(marginal=0.0), chains=None
)
