"""Draws digits of each class (28x28) from a robust classifier of MNIST.

python3 ebm_tf/generate.py configs/mnist_generate.py --data_dir DIR

It is the released one of configs/mnist_sat.py; `--set weights=RUN` takes another.
Distances are by the features of the released one of configs/mnist_clean.py. Of digits
(8x8) a few small steps are enough; here longer ones with momentum are better
(docs/generation.md). Expected: five minutes on two cores; a distance of 6.2, by a
logistic regression 0.99 of the class asked for.
"""

import dataclasses

from configs.digits_generate import config as digits
from configs.mnist_sat import config as learning
from ebm_tf.config.fid import FeatureExtractor
from ebm_tf.config.generation import ClassPca, Variation
from ebm_tf.config.parts import MomentumLangevin

config = dataclasses.replace(
    digits,
    name="mnist_generate",
    weights="release:mnist_sat",
    data=learning.data,
    test_split=learning.test_split,
    energy=learning.classifier,
    features=FeatureExtractor(
        name="classifier", classifier=learning.classifier, weights="release:mnist_clean"
    ),
    start=ClassPca(temperature=1.0),
    langevin=MomentumLangevin(drift=0.4, noise=0.0025, momentum=0.8, image_bound=1.0),
    num_statistics=5000,
    num_reference=10_000,
    variations=(
        Variation(
            setting="start",
            values=("{'type': 'UniformStart'}", "{'type': 'ClassGaussian'}"),
        ),
        Variation(setting="start.temperature", values=(0.35, 0.7)),
        Variation(setting="langevin.momentum", values=(0.0, 0.5, 0.9)),
        Variation(setting="num_steps", values=(0, 5, 50)),
    ),
)
