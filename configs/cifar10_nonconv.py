"""Short-run EBM of CIFAR-10 at 32x32, with a generator that learns beside it.

python3 ebm_tf/train.py configs/cifar10_nonconv.py

Published hyper-parameters (Hill et al., 2022). Expected: an FID of 22.1 with 50,000
samples, best after 25,000 to 50,000 updates (the authors' figure, not ours). An update
is 55 TFLOP.
"""

from ebm_tf.config.chains import Persistent
from ebm_tf.config.ebm import EbmTraining
from ebm_tf.config.optimizers import Optimizer
from ebm_tf.config.parts import Data, GeneratorNetwork, Langevin, Samples

config = EbmTraining(
    name="cifar10_nonconv",
    data=Data(name="cifar10", image_size=32),
    data_epsilon=1e-2,
    langevin=Langevin(noise=5e-3),
    temperature=1e-4,
    chains=Persistent(start="generator", rejuvenation=0.5, max_updates=2),
    generator=GeneratorNetwork(batch_norm_training=True),
    generator_optimizer=Optimizer(),
    samples=Samples(num_steps=350),
)
