"""SNGAN generator of CelebA at 64x64, from which chains of an EBM can start.

python3 ebm_tf/train_gen.py configs/celeb_a_sngan.py --data_dir DIR

Hyper-parameters of Lee and Town (2020), after Miyato et al. (2018). Expected: an FID of
5.7 with 50,000 samples (the authors' figure, not ours). The epsilon of batch
normalisation is 1e-3 here, so that any other config can start from its weights as they
are; theirs was 1e-5.
"""

import dataclasses

from configs.cifar10_sngan import config as cifar10
from ebm_tf.config.parts import Data

config = dataclasses.replace(
    cifar10, name="celeb_a_sngan", data=Data(name="celeb_a", image_size=64)
)
