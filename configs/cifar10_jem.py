"""Joint energy-based model of CIFAR-10, as published.

python3 ebm_tf/train_jem.py configs/cifar10_jem.py

The settings of the official program (Grathwohl et al., 2020): a WRN-28-10 without
normalisation, two batches drawn apart, 150 epochs of the 45,000 images that are not
held out for the selection of weights. Shifted images are padded with black, not
reflected. Expected, by the authors: accuracy 0.929, Inception Score 8.8, FID 38.4 (by a
protocol that was not released; not run by us), in about 16 times the time of the
classifier alone. Such runs of others diverged; here the guard goes back, with a lower
rate and more steps.
"""

from ebm_tf.config.chains import Hygiene, Persistent
from ebm_tf.config.classifier import ClassifierNetwork
from ebm_tf.config.joint import JointTraining, LabelledImages
from ebm_tf.config.optimizers import Optimizer, Warmup
from ebm_tf.config.parts import Data, Langevin, Samples

EPOCH = 703  # batches of 64

config = JointTraining(
    name="cifar10_jem",
    data=Data(
        name="cifar10", image_size=32, split="train[:45000]", padding=4, flip=True
    ),
    validation_split="train[45000:]",
    classifier=ClassifierNetwork(
        architecture="wide_resnet",
        depth=28,
        width=10,
        norm="none",
        activation="leaky_relu",
    ),
    langevin=Langevin(drift=1.0, noise=0.01),
    chains=Persistent(
        start="noise",
        bank_size=10_000,
        num_steps=20,
        rejuvenation=0.05,
        hygiene=Hygiene(max_energy_deviation=50.0, max_pixel=3.0),
    ),
    data_epsilon=0.03,
    labelled=LabelledImages(batch=64, data_epsilon=0.03),
    optimizer=Optimizer(
        learning_rate=Warmup(
            num_steps=1000, then=((1e-4, 0), (3e-5, 50 * EPOCH), (9e-6, 100 * EPOCH))
        ),
        average_decay=0.0,
    ),
    num_updates=150 * EPOCH,
    batch=64,
    samples=Samples(num_samples=10_000, num_steps=400),
    animate_every=10_000,
    save_every=1000,
)
