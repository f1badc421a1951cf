"""The classifier of mnist_jem without p(x): what joint learning is compared with.

python3 ebm_tf/train_jem.py configs/mnist_jem_baseline.py --data_dir DIR
"""

import dataclasses

from configs.mnist_jem import config as jem
from ebm_tf.config.joint import JointTerms

config = dataclasses.replace(
    jem, name="mnist_jem_baseline", terms=JointTerms(marginal=0.0), chains=None
)
