"""WRN-28-10 of CIFAR-10, learned without attacks: what an EBM then defends.

python3 ebm_tf/train_clf.py configs/cifar10_wrn.py

Published hyper-parameters (Hill et al., 2022). The authors select weights on the test
split; here the last 1,000 images of the training split are held out for that, and
shifted images are padded with black, not with the grey of zeros in [-1, 1].
Expected: about half a day on one GPU; `test_accuracy` 0.96, `pgd20_accuracy` near 0
(not run by us).
"""

from ebm_tf.config.classification import ClassifierTraining
from ebm_tf.config.classifier import ClassifierNetwork
from ebm_tf.config.optimizers import Sgd
from ebm_tf.config.parts import Data

config = ClassifierTraining(
    name="cifar10_wrn",
    data=Data(
        name="cifar10", image_size=32, split="train[:49000]", padding=4, flip=True
    ),
    validation_split="train[49000:]",
    classifier=ClassifierNetwork(architecture="wide_resnet", depth=28, width=10),
    optimizer=Sgd(learning_rate=((0.1, 0), (0.01, 19_961), (0.001, 29_941))),
    batch=96,
    num_updates=49_900,
    validate_every=2495,
)
