"""Joint energy-based model of MNIST, enlarged to 32x32: it classifies and generates.

python3 ebm_tf/train_jem.py configs/mnist_jem.py --data_dir DIR

Expected: 11 minutes on two cores, 20 on one; `test_accuracy` 0.986 to 0.990, where the
first 2,000 test images count, and `frechet_pixels` 17 with 500 samples after 200 steps
from the Gaussian of each class.
"""

import dataclasses

from configs.digits_jem import config as digits
from ebm_tf.config.chains import Hygiene, Persistent
from ebm_tf.config.classifier import ClassifierNetwork
from ebm_tf.config.joint import JointTerms, LabelledImages
from ebm_tf.config.optimizers import Optimizer
from ebm_tf.config.parts import ClippedLangevin, Data, Samples

config = dataclasses.replace(
    digits,
    name="mnist_jem",
    data=Data(name="mnist", image_size=32, channels=1, split="train[:59000]"),
    validation_split="train[59000:]",
    test_split="test",
    num_test=2000,
    classifier=ClassifierNetwork(
        architecture="sngan", width=16, norm="none", activation="silu", pooling="none"
    ),
    terms=JointTerms(posterior=3.0, marginal=1.0),
    # Noise below that of the data (data_epsilon), else a step overshoots; images are
    # kept where the energy is learned.
    langevin=ClippedLangevin(drift=0.6, noise=0.05, image_bound=1.25),
    data_epsilon=0.06,
    # Nearer to digits than uniform noise is, so that 10 steps an update are enough.
    chains=Persistent(
        start="class_gaussian",
        bank_size=5000,
        num_steps=10,
        rejuvenation=0.05,
        hygiene=Hygiene(),
    ),
    labelled=LabelledImages(batch=128, data_epsilon=0.03),
    optimizer=Optimizer(
        learning_rate=((1e-3, 0), (5e-4, 2000), (2e-4, 3200), (5e-5, 4200)),
        average_decay=0.99,
        average_warmup=False,
    ),
    num_updates=4800,
    batch=64,
    evaluation_batch=500,
    validate_every=250,
    select_from=4250,
    samples=Samples(num_samples=500, num_steps=200),
    animate_every=None,
    save_every=250,
)
