"""Prior EBM of ImageNet at 64x64, which long-run learning corrects.

python3 ebm_tf/train.py configs/imagenet_prior.py --data_dir DIR \
    --set generator.weights=FILE

Published hyper-parameters (Hill et al., 2022); the generator is a trained BigGAN-deep,
which stays as it is.
"""

import dataclasses

from configs.celeb_a_prior import config as celeb_a
from ebm_tf.config.parts import Data, GeneratorNetwork

config = dataclasses.replace(
    celeb_a,
    name="imagenet_prior",
    data=Data(name="imagenet2012", image_size=64, random_crop=True),
    data_epsilon=1.5e-2,
    temperature=1e-5,
    generator=GeneratorNetwork(architecture="biggan_conditional"),
)
