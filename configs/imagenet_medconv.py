"""Mid-run EBM of ImageNet at 224x224, for defence; chains start from a generator.

python3 ebm_tf/train.py configs/imagenet_medconv.py --data_dir DIR \
    --set generator.weights=FILE

Published hyper-parameters (Hill et al., 2022); the generator is a trained BigGAN-deep,
which stays as it is. Expected: as the defence of an EfficientNet-B7 against attacks of
2/255, 0.684 natural and 0.418 robust accuracy (the authors' figures, not ours).
"""

import dataclasses

from configs.cifar10_medconv import config as cifar10
from ebm_tf.config.chains import Persistent
from ebm_tf.config.parts import Data, GeneratorNetwork, Langevin, Network

config = dataclasses.replace(
    cifar10,
    name="imagenet_medconv",
    data=Data(name="imagenet2012", image_size=224, random_crop=True),
    data_epsilon=3e-2,
    langevin=Langevin(noise=2e-2),
    temperature=1e-5,
    chains=Persistent(start="generator", rejuvenation=0.05),
    energy=Network(architecture="biggan"),
    generator=GeneratorNetwork(architecture="biggan_conditional"),
    batch=64,
)
