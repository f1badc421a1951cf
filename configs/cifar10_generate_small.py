"""Draws images of CIFAR-10 from a small robust classifier.

python3 ebm_tf/generate.py configs/cifar10_generate_small.py --data_dir DIR

It is the released one of configs/cifar10_sat_small.py; `--set weights=RUN` takes
another. Distances are by the features of the released one of
configs/cifar10_clean_small.py. Expected: eleven minutes of one core; a distance of 7.8,
by a logistic regression 0.51 of the class asked for.
"""

import dataclasses

from configs.cifar10_generate import config as published
from configs.cifar10_sat_small import config as learning
from ebm_tf.config.fid import FeatureExtractor
from ebm_tf.config.generation import ClassPca, Variation

config = dataclasses.replace(
    published,
    name="cifar10_generate_small",
    weights="release:cifar10_sat_small",
    data=learning.data,
    energy=learning.classifier,
    features=FeatureExtractor(
        name="classifier",
        classifier=learning.classifier,
        weights="release:cifar10_clean_small",
    ),
    start=ClassPca(retained=0.95, temperature=1.0),
    num_samples=1000,
    num_statistics=5000,
    variations=(
        Variation(
            setting="start",
            values=("{'type': 'UniformStart'}", "{'type': 'ClassGaussian'}"),
        ),
        Variation(setting="start.temperature", values=(0.354,)),
        Variation(setting="langevin.drift", values=(0.4, 6.4)),
        Variation(setting="langevin.momentum", values=(0.5, 0.8)),
        Variation(setting="num_steps", values=(0, 5, 50)),
    ),
)
