"""FID of the long-run EBM of CelebA that configs/celeb_a_conv.py learns.

python3 ebm_tf/fid.py configs_fid/celeb_a_longrun.py --data_dir DIR \
    --set weights=RUN --set features.weights=classify_image_graph_def.pb

Published settings (Hill et al., 2022): 53 rounds of 96 chains, J = 1.01. Expected: 37.4
after 100,000 and 45.9 after 1,000,000 steps (the authors' figures, not ours).
"""

from configs.celeb_a_conv import config as learning
from ebm_tf.config.fid import FeatureExtractor, measurement_of

config = measurement_of(
    learning,
    name="celeb_a_longrun",
    features=FeatureExtractor(name="inception_2015"),
    num_samples=5088,
    num_steps=(100_000, 1_000_000),
    joint_temperature=1.01,
)
