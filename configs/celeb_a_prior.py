"""Prior EBM of CelebA at 64x64, which long-run learning corrects.

python3 ebm_tf/train.py configs/celeb_a_prior.py --data_dir DIR \
    --set generator.weights=FILE

Published hyper-parameters (Hill et al., 2022); the generator is a trained one, which
stays as it is.
"""

import dataclasses

from configs.cifar10_prior import config as cifar10
from ebm_tf.config.chains import Persistent
from ebm_tf.config.parts import Data, Samples

config = dataclasses.replace(
    cifar10,
    name="celeb_a_prior",
    data=Data(name="celeb_a", image_size=64),
    chains=Persistent(start="generator", rejuvenation=0.2),
    samples=Samples(num_steps=500),
)
