"""What the joint model of MNIST knows: calibration, other images, and what it makes.

python3 ebm_tf/analyze.py configs/mnist_jem_analysis.py --data_dir DIR

It is the released one of configs/mnist_jem.py; `--set weights=RUN` takes the folder
that configs/mnist_jem.py or configs/mnist_jem_baseline.py left, and
`--set samples.num_samples=1000` measures what the former generates, too.
"""

import dataclasses

from configs.mnist_analysis import config as mnist
from configs.mnist_jem import config as learning

config = dataclasses.replace(
    mnist,
    name="mnist_jem_analysis",
    weights="release:mnist_jem",
    data=learning.data,
    validation_split=learning.validation_split,
    test_split=learning.test_split,
    classifier=learning.classifier,
)
