"""Draws digits of each class (28x28) from a robust classifier of MNIST.

python3 ebm_tf/generate.py configs/mnist_generate.py --set weights=RUN

RUN is the folder that one of configs/mnist_{sat,trades,weat_adv}.py left. Distances are
by the features of another classifier: `--set features.weights=CLEAN_RUN`, the folder
that configs/mnist_clean.py left.
"""

import dataclasses

from configs.digits_generate import config as digits
from configs.mnist_sat import config as learning
from ebm_tf.config.fid import FeatureExtractor

config = dataclasses.replace(
    digits,
    name="mnist_generate",
    weights=None,
    data=learning.data,
    test_split=learning.test_split,
    energy=learning.classifier,
    features=FeatureExtractor(name="classifier", classifier=learning.classifier),
    num_statistics=5000,
    num_reference=10_000,
)
