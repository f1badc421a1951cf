"""Long-run EBM of handwritten digits (8x8): corrects the prior of digits_prior.

python3 ebm_tf/train_longrun.py configs/digits_conv.py --set prior.weights=RUN
"""

from configs.digits_prior import config as prior
from ebm_tf.config.chains import BurnIn
from ebm_tf.config.ebm import LongRunTraining
from ebm_tf.config.parts import Optimizer, Samples

config = LongRunTraining(
    name="digits_conv",
    data=prior.data,
    data_epsilon=prior.data_epsilon,
    langevin=prior.langevin,
    temperature=prior.temperature,
    gaussian_stddev=prior.gaussian_stddev,
    energy=prior.energy,
    prior=prior.energy,
    chains=BurnIn(
        start="data",
        bank_size=1000,
        burn_in_size=500,
        num_steps=20,
        burn_in_steps=20,
        burn_in_visits=100,
    ),
    energy_optimizer=Optimizer(
        learning_rate=((3e-4, 0), (1e-4, 1200), (3e-5, 1900)), average_decay=0.99
    ),
    num_updates=2400,
    batch=100,
    samples=Samples(num_samples=1000, num_steps=2000),
    log_every=100,
    picture_every=500,
    save_every=500,
)
