"""Short-run EBM of ImageNet at 128x128, with a generator that learns beside it.

python3 ebm_tf/train.py configs/imagenet_nonconv.py --data_dir DIR

Published hyper-parameters (Hill et al., 2022). Expected: an FID of 42.3 with 50,000
samples, best after 220,000 to 240,000 updates (the authors' figure, not ours). An
update is 120 TFLOP.
"""

from ebm_tf.config.chains import Persistent
from ebm_tf.config.ebm import EbmTraining
from ebm_tf.config.optimizers import Optimizer
from ebm_tf.config.parts import Data, GeneratorNetwork, Guard, Langevin, Samples

config = EbmTraining(
    name="imagenet_nonconv",
    data=Data(name="imagenet2012", image_size=128, random_crop=True),
    data_epsilon=1e-2,
    langevin=Langevin(noise=3e-3),
    temperature=1e-7,
    chains=Persistent(start="generator", num_steps=50, rejuvenation=0.5, max_updates=2),
    energy_optimizer=Optimizer(max_grad_norm=50.0),
    generator=GeneratorNetwork(),
    # Energies are divided by so low a temperature that their differences are huge.
    guard=Guard(max_energy_difference=1e5),
    generator_optimizer=Optimizer(learning_rate=5e-5, max_grad_norm=50.0),
    num_updates=300_000,
    samples=Samples(num_steps=320),
)
