"""Joint energy-based model of MNIST (28x28): it classifies and generates.

python3 ebm_tf/train_jem.py configs/mnist_jem.py
"""

import dataclasses

from configs.digits_jem import config as digits
from ebm_tf.config.chains import Hygiene, Persistent
from ebm_tf.config.classifier import ClassifierNetwork
from ebm_tf.config.optimizers import Optimizer
from ebm_tf.config.parts import Data, Samples

config = dataclasses.replace(
    digits,
    name="mnist_jem",
    data=Data(name="mnist", image_size=28, channels=1, split="train[:59000]"),
    validation_split="train[59000:]",
    test_split="test",
    classifier=ClassifierNetwork(
        architecture="small_cnn", width=16, norm="none", activation="silu"
    ),
    chains=Persistent(
        start="noise",
        bank_size=5000,
        num_steps=20,
        rejuvenation=0.05,
        hygiene=Hygiene(),
    ),
    optimizer=Optimizer(
        learning_rate=((1e-3, 0), (3e-4, 2000), (1e-4, 2700)),
        average_decay=0.99,
        average_warmup=False,
    ),
    num_updates=3000,
    evaluation_batch=500,
    validate_every=250,
    select_from=2500,
    samples=Samples(num_samples=1000, num_steps=400),
    log_every=100,
    picture_every=500,
    animate_every=1000,
    save_every=500,
)
