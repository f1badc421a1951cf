"""Short-run EBM of handwritten digits (8x8), on a laptop and without a download.

python3 ebm_tf/train.py configs/digits_nonconv.py

Expected: 40 seconds on two cores; `frechet_pixels` 0.48 with 1,000 samples (0.45 and
0.50 for seeds 1 and 2), all ten classes among them.
"""

from ebm_tf.config.chains import Persistent
from ebm_tf.config.ebm import EbmTraining
from ebm_tf.config.optimizers import Optimizer
from ebm_tf.config.parts import Data, Langevin, Network, Samples

config = EbmTraining(
    name="digits_nonconv",
    data=Data(name="digits", image_size=8, channels=1),
    energy=Network(width=16, activation="silu"),
    langevin=Langevin(noise=0.05),
    temperature=2e-3,
    data_epsilon=0.03,
    chains=Persistent(
        start="noise", bank_size=2000, num_steps=((5, 0), (10, 700)), rejuvenation=0.05
    ),
    energy_optimizer=Optimizer(
        learning_rate=((4e-3, 0), (1e-3, 750), (3e-4, 1030), (1e-4, 1240)),
        beta_1=0.5,
        average_decay=0.995,
        average_warmup=False,
    ),
    num_updates=1450,
    batch=100,
    samples=Samples(num_samples=1000, num_steps=100),
    log_every=100,
    picture_every=500,
    save_every=500,
)
