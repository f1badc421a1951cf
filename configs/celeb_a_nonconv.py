"""Short-run EBM of CelebA at 64x64, with a generator that learns beside it.

python3 ebm_tf/train.py configs/celeb_a_nonconv.py --data_dir DIR

Published hyper-parameters (Hill et al., 2022). Expected: an FID of 19.7 with 50,000
samples, best after 40,000 to 60,000 updates (the authors' figure, not ours). An update
is 42 TFLOP.
"""

from ebm_tf.config.chains import Persistent
from ebm_tf.config.ebm import EbmTraining
from ebm_tf.config.optimizers import Optimizer
from ebm_tf.config.parts import Data, GeneratorNetwork, Guard, Langevin, Samples

config = EbmTraining(
    name="celeb_a_nonconv",
    data=Data(name="celeb_a", image_size=64),
    data_epsilon=1e-2,
    langevin=Langevin(noise=3e-3),
    temperature=1e-6,
    chains=Persistent(start="generator", num_steps=75, rejuvenation=0.5, max_updates=2),
    generator=GeneratorNetwork(),
    # Energies are divided by so low a temperature that their differences are huge.
    guard=Guard(max_energy_difference=1e5),
    generator_optimizer=Optimizer(),
    num_updates=200_000,
    samples=Samples(num_steps=300),
)
