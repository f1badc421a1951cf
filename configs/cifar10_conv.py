"""Long-run EBM of CIFAR-10 at 32x32: corrects a prior energy; starts from a generator.

python3 ebm_tf/train_longrun.py configs/cifar10_conv.py \
    --set prior.weights=RUN --set generator.weights=FILE

Published hyper-parameters (Hill et al., 2022). The prior is what
configs/cifar10_prior.py learns, the generator a trained one; both stay as they are.
Expected: FID 49.2 after 100,000 and 51.7 after 1,000,000 Langevin steps (the authors'
figures, not ours).
"""

from configs.cifar10_prior import config as prior
from ebm_tf.config.chains import BurnIn
from ebm_tf.config.ebm import LongRunTraining
from ebm_tf.config.optimizers import Optimizer
from ebm_tf.config.parts import Samples

config = LongRunTraining(
    name="cifar10_conv",
    data=prior.data,
    data_epsilon=prior.data_epsilon,
    langevin=prior.langevin,
    temperature=prior.temperature,
    gaussian_stddev=prior.gaussian_stddev,
    chains=BurnIn(start="generator"),
    generator=prior.generator,
    energy_optimizer=Optimizer(
        learning_rate=(
            (2.5e-5, 0),
            (1e-5, 50_000),
            (1e-6, 75_000),
            (1e-7, 100_000),
            (1e-8, 125_000),
        ),
        average_decay=0.0,
    ),
    samples=Samples(num_steps=2000),
)
