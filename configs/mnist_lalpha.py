"""The same with gradients that are rewarded for directions of searches (L_alpha).

python3 ebm_tf/train_clf.py configs/mnist_lalpha.py

The released generator of configs/mnist_cgan_small.py is searched, or that of --set
alignment.directions.weights=GENERATOR, the folder that configs/mnist_cgan.py left;
measure with another one, of another seed. A search of every image and class that is met
takes long, and is kept. The rates and the penalty of searches are published.
"""

import dataclasses

from configs.mnist_baseline import config as baseline
from ebm_tf.config.directions import AlignmentReward, SearchedDirections

config = dataclasses.replace(
    baseline,
    name="mnist_lalpha",
    alignment=AlignmentReward(
        weight=0.3,
        directions=SearchedDirections(weights="release:mnist_cgan_small", penalty=1.5),
    ),
)
