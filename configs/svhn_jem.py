"""Joint energy-based model of SVHN, with the settings of cifar10_jem.

python3 ebm_tf/train_jem.py configs/svhn_jem.py

Numbers are not mirrored; the last 5,000 images of the training split are held out to
select weights. Expected, by the authors of JEM: accuracy 0.967 (not run by us).
"""

import dataclasses

from configs.cifar10_jem import config as cifar10

config = dataclasses.replace(
    cifar10,
    name="svhn_jem",
    data=dataclasses.replace(
        cifar10.data, name="svhn", split="train[:68257]", flip=False
    ),
    validation_split="train[68257:]",
)
