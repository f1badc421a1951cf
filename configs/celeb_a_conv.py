"""Long-run EBM of CelebA at 64x64: corrects a prior energy.

python3 ebm_tf/train_longrun.py configs/celeb_a_conv.py --data_dir DIR \
    --set prior.weights=RUN --set generator.weights=FILE

Published hyper-parameters (Hill et al., 2022). The prior is what
configs/celeb_a_prior.py learns, the generator a trained one; both stay as they are.
Expected: FID 37.4 after 100,000 and 45.9 after 1,000,000 Langevin steps (the authors'
figures, not ours).
"""

import dataclasses

from configs.celeb_a_prior import config as prior
from configs.cifar10_conv import config as cifar10
from ebm_tf.config.chains import BurnIn

config = dataclasses.replace(
    cifar10,
    name="celeb_a_conv",
    data=prior.data,
    generator=prior.generator,
    chains=BurnIn(start="generator", bank_size=15_000),
)
