"""ResNet-18 of SVHN by WEAT_adv.

python3 ebm_tf/train_clf.py configs/svhn_weat_adv.py

Published hyper-parameters (Mirza et al., 2024), but numbers are not mirrored; the last
1,000 images of the training split are held out to select weights. Expected: most of a
day on one GPU; robust accuracy 0.56 under PGD-20 and 0.50 under AutoAttack (the
authors' figures, not ours).
"""

import dataclasses

from configs.cifar10_weat_adv import config as weat_adv
from ebm_tf.config.optimizers import OneCycle, Sgd
from ebm_tf.config.parts import Data

config = dataclasses.replace(
    weat_adv,
    name="svhn_weat_adv",
    data=Data(name="svhn", image_size=32, split="train[:72257]", padding=4),
    validation_split="train[72257:]",
    optimizer=Sgd(
        learning_rate=OneCycle(peak=0.1, first=0.004, last=4e-7, num_steps=57_300),
        momentum=OneCycle(peak=0.85, first=0.95, last=0.95, num_steps=57_300),
    ),
    num_updates=57_300,
    validate_every=573,
    select_from=52_143,
)
