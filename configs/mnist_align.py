"""Where the gradients of a classifier of MNIST point, and its least radii.

python3 ebm_tf/align.py configs/mnist_align.py --set weights=RUN \
    --set directions.weights=GENERATOR

RUN is the folder that one of configs/mnist_{baseline,lalpha,pgd}.py left, GENERATOR
that of a run of configs/mnist_cgan.py or its smaller one, other than the one that was
learned with. The radii are published.
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
    directions=SearchedDirections(penalty=1.5),
)
