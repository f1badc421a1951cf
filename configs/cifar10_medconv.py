"""Mid-run EBM of CIFAR-10 at 32x32, for defence; chains start from a generator.

python3 ebm_tf/train.py configs/cifar10_medconv.py --set generator.weights=FILE

Published hyper-parameters (Hill et al., 2022); the generator is a trained one, which
stays as it is. Expected: as the defence of a WRN-28-10 against attacks of 8/255, 0.790
natural and 0.567 robust accuracy (the authors' figures, not ours).
"""

from ebm_tf.config.chains import Persistent
from ebm_tf.config.ebm import EbmTraining
from ebm_tf.config.optimizers import Optimizer
from ebm_tf.config.parts import Data, GeneratorNetwork, Langevin, Samples

config = EbmTraining(
    name="cifar10_medconv",
    data=Data(name="cifar10", image_size=32),
    data_epsilon=2.5e-2,
    langevin=Langevin(noise=1.25e-2),
    temperature=1e-4,
    chains=Persistent(start="generator", bank_size=25_000, rejuvenation=0.05),
    generator=GeneratorNetwork(),
    energy_optimizer=Optimizer(
        learning_rate=(
            (1e-4, 0),
            (1e-5, 50_000),
            (1e-6, 75_000),
            (1e-7, 100_000),
            (1e-8, 125_000),
        )
    ),
    samples=Samples(num_steps=2000),
)
