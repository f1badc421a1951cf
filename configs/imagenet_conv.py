"""Long-run EBM of ImageNet at 64x64: corrects a prior energy.

python3 ebm_tf/train_longrun.py configs/imagenet_conv.py --data_dir DIR \
    --set prior.weights=RUN --set generator.weights=FILE

Published hyper-parameters (Hill et al., 2022). The prior is what
configs/imagenet_prior.py learns, the generator a trained BigGAN-deep; both stay as they
are. Expected: FID 82.3 after 100,000 and 77.8 after 1,000,000 Langevin steps (the
authors' figures, not ours).
"""

import dataclasses

from configs.celeb_a_conv import config as celeb_a
from configs.imagenet_prior import config as prior
from ebm_tf.config.optimizers import Optimizer

config = dataclasses.replace(
    celeb_a,
    name="imagenet_conv",
    data=prior.data,
    data_epsilon=prior.data_epsilon,
    temperature=prior.temperature,
    generator=prior.generator,
    energy_optimizer=Optimizer(
        learning_rate=(
            (1e-4, 0),
            (1e-5, 50_000),
            (1e-6, 75_000),
            (1e-7, 100_000),
            (1e-8, 125_000),
        ),
        average_decay=0.0,
    ),
)
