"""Prior EBM of CIFAR-10 at 32x32, which long-run learning corrects.

python3 ebm_tf/train.py configs/cifar10_prior.py --set generator.weights=FILE

Published hyper-parameters (Hill et al., 2022); the generator is a trained one, which
stays as it is. The energy is learned beside a Gaussian of standard deviation 0.15.
"""

from ebm_tf.config.chains import Persistent
from ebm_tf.config.ebm import EbmTraining
from ebm_tf.config.parts import Data, GeneratorNetwork, Langevin, Samples

config = EbmTraining(
    name="cifar10_prior",
    data=Data(name="cifar10", image_size=32),
    data_epsilon=2e-2,
    langevin=Langevin(noise=1e-2),
    temperature=1e-4,
    gaussian_stddev=0.15,
    chains=Persistent(start="generator", num_steps=50, rejuvenation=0.2),
    generator=GeneratorNetwork(),
    samples=Samples(num_steps=250),
)
