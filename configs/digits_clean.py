"""Small classifier of handwritten digits (8x8), learned without attacks.

python3 ebm_tf/train_clf.py configs/digits_clean.py

Expected: at most a minute on two cores; `test_accuracy` about 0.93, `pgd20_accuracy`
about 0.10.
"""

import dataclasses

from configs.digits_weat_adv import config as weat_adv
from ebm_tf.config.objectives import Clean

config = dataclasses.replace(
    weat_adv, name="digits_clean", objective=Clean(), attack=None
)
