"""FID of the short-run EBM of ImageNet that configs/imagenet_nonconv.py learns.

python3 ebm_tf/fid.py configs_fid/imagenet_shortrun.py --data_dir DIR \
    --set weights=RUN --set features.weights=classify_image_graph_def.pb

Published settings (Hill et al., 2022): 520 rounds of 96 chains of 320 steps. Expected:
42.3 with the best weights, of 220,000 to 240,000 updates (the authors' figure, not
ours).
"""

import dataclasses

from configs.imagenet_nonconv import config as learning
from ebm_tf.config.fid import FeatureExtractor, measurement_of

config = measurement_of(
    learning,
    name="imagenet_shortrun",
    data=dataclasses.replace(learning.data, random_crop=False),
    features=FeatureExtractor(name="inception_2015"),
    num_samples=49_920,
    num_steps=320,
)
