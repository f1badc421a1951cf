"""ResNet-18 of width 16 learned without attacks, from 7,880 images of CIFAR-10.

python3 ebm_tf/train_clf.py configs/cifar10_clean_small.py

Otherwise as configs/cifar10_weat_adv_small.py. Expected: 20 minutes of one core; of the
first 1,017 test images `test_accuracy` 0.787 and `pgd20_accuracy` 0, the release
`cifar10_clean_small`.
"""

import dataclasses

from configs.cifar10_weat_adv_small import config as weat_adv
from ebm_tf.config.objectives import Clean

config = dataclasses.replace(
    weat_adv, name="cifar10_clean_small", objective=Clean(), attack=None
)
