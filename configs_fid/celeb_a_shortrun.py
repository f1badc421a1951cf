"""FID of the short-run EBM of CelebA that configs/celeb_a_nonconv.py learns.

python3 ebm_tf/fid.py configs_fid/celeb_a_shortrun.py --data_dir DIR \
    --set weights=RUN --set features.weights=classify_image_graph_def.pb

Published settings (Hill et al., 2022): 520 rounds of 96 chains of 300 steps. Expected:
19.7 with the best weights, of 40,000 to 60,000 updates (the authors' figure, not ours).
"""

from configs.celeb_a_nonconv import config as learning
from ebm_tf.config.fid import FeatureExtractor, measurement_of

config = measurement_of(
    learning,
    name="celeb_a_shortrun",
    features=FeatureExtractor(name="inception_2015"),
    num_samples=49_920,
    num_steps=300,
)
