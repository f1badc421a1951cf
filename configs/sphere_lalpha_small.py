"""L_alpha on spheres with a network of one hidden layer, small enough to be released.

python3 ebm_tf/train_clf.py configs/sphere_lalpha_small.py
"""

import dataclasses

from configs.sphere_lalpha import config as published

config = dataclasses.replace(
    published,
    name="sphere_lalpha_small",
    classifier=dataclasses.replace(published.classifier, depth=1),
)
