"""ResNet-18 of width 8, of 1,000 images of CIFAR-10, as a baseline of alignments.

python3 ebm_tf/train_clf.py configs/cifar10_baseline_small.py

As few images as the searches of configs/cifar10_lalpha_small.py can be made of on a
laptop; a tenth of the published updates.
"""

import dataclasses

from configs.cifar10_baseline import config as published

config = dataclasses.replace(
    published,
    name="cifar10_baseline_small",
    data=dataclasses.replace(published.data, split="train[:1000]"),
    validation_split="train[1000:1500]",
    classifier=dataclasses.replace(published.classifier, width=8),
    num_updates=1000,
    select_from=0,
    validate_every=200,
    log_every=50,
)
