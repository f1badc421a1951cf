"""What a classifier of MNIST (28x28) knows: calibration, and other images.

python3 ebm_tf/analyze.py configs/mnist_analysis.py --data_dir DIR

It is the released one of configs/mnist_clean.py; `--set weights=RUN` takes another, the
folder of a run of `train_clf.py`. The digits of scikit-learn are by other writers and
have 8 pixels a side.
Expected: at most four minutes on two cores.
"""

import dataclasses

from configs.digits_analysis import config as digits
from configs.mnist_clean import config as learning
from ebm_tf.config.analysis import NamedData
from ebm_tf.config.parts import Data

config = dataclasses.replace(
    digits,
    name="mnist_analysis",
    weights="release:mnist_clean",
    data=learning.data,
    validation_split=learning.validation_split,
    test_split=learning.test_split,
    classifier=learning.classifier,
    others=(
        NamedData(data=Data(name="digits", image_size=8, channels=1)),
        *digits.others,
    ),
    batch=250,
)
