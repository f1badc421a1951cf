"""Mid-run EBM of CIFAR-10 at 32x32, for defence; chains start from data.

python3 ebm_tf/train.py configs/cifar10_medconv_data.py

Published hyper-parameters (Hill et al., 2022); no generator is needed.
"""

import dataclasses

from configs.cifar10_medconv import config as from_generator
from ebm_tf.config.chains import Persistent
from ebm_tf.config.parts import Langevin

config = dataclasses.replace(
    from_generator,
    name="cifar10_medconv_data",
    data_epsilon=2e-2,
    langevin=Langevin(noise=1e-2),
    chains=Persistent(start="data", bank_size=20_000, rejuvenation=0.025),
    generator=None,
)
