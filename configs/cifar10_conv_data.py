"""Long-run EBM of CIFAR-10 at 32x32: corrects a prior energy; starts from data.

python3 ebm_tf/train_longrun.py configs/cifar10_conv_data.py --set prior.weights=RUN

Published hyper-parameters (Hill et al., 2022); no generator is needed, except by the
prior, which configs/cifar10_prior.py learns.
"""

import dataclasses

from configs.cifar10_conv import config as from_generator
from ebm_tf.config.chains import BurnIn

config = dataclasses.replace(
    from_generator,
    name="cifar10_conv_data",
    chains=BurnIn(start="data"),
    generator=None,
)
