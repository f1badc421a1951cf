"""Small robust classifier of handwritten digits (8x8) by WEAT_adv.

python3 ebm_tf/train_clf.py configs/digits_weat_adv.py

An attack may move every pixel by 0.15 of its range. Expected: at most two minutes on
two cores; `test_accuracy` about 0.94, `pgd20_accuracy` about 0.77.
"""

from ebm_tf.config.attacks import Ball, Pgd
from ebm_tf.config.classification import ClassifierTraining
from ebm_tf.config.classifier import ClassifierNetwork
from ebm_tf.config.objectives import WeatAdv
from ebm_tf.config.optimizers import OneCycle, Sgd
from ebm_tf.config.parts import Data

config = ClassifierTraining(
    name="digits_weat_adv",
    data=Data(name="digits", image_size=8, channels=1, split="train[:1197]"),
    validation_split="train[1197:1437]",
    test_split="train[1437:]",
    classifier=ClassifierNetwork(architecture="small_cnn"),
    objective=WeatAdv(),
    attack=Pgd(loss="kl", num_steps=10, step_size=9.5, start="normal"),
    ball=Ball(epsilon=38.25),
    evaluation_attack=Pgd(num_steps=20, step_size=4.8),
    optimizer=Sgd(
        learning_rate=OneCycle(peak=0.1, first=0.004, last=4e-7, num_steps=1110),
        momentum=OneCycle(peak=0.85, first=0.95, last=0.95, num_steps=1110),
    ),
    batch=32,
    num_updates=1110,
    evaluation_batch=120,
    validate_every=111,
    log_every=37,
)
