"""Where the gradients of a classifier of MNIST point, and its least radii.

python3 ebm_tf/align.py configs/mnist_align.py

It is the released one of configs/mnist_lalpha_small.py; `--set weights=RUN` takes
another, the folder that one of configs/mnist_{baseline,lalpha,pgd}.py or their smaller
ones left.
The released generator of configs/mnist_cgan_reference_small.py is searched, which
nothing learned with, or that of `--set directions.weights=RUN`; the released classifier
of configs/mnist_clean.py counts how often what is found is of its class. The radii are
published.
"""

import dataclasses

from configs.mnist35_align import config as of_two
from configs.mnist_baseline import config as learning
from ebm_tf.config.directions import SearchedDirections

config = dataclasses.replace(
    of_two,
    name="mnist_align",
    data=dataclasses.replace(learning.data, split="test"),
    num_images=200,
    classifier=learning.classifier,
    weights="release:mnist_lalpha_small",
    directions=SearchedDirections(
        weights="release:mnist_cgan_reference_small",
        judge="release:mnist_clean",
        penalty=1.5,
    ),
)
