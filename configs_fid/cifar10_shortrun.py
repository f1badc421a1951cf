"""FID of the short-run EBM of CIFAR-10 that configs/cifar10_nonconv.py learns.

python3 ebm_tf/fid.py configs_fid/cifar10_shortrun.py --set weights=RUN \
    --set features.weights=classify_image_graph_def.pb

Published settings (Hill et al., 2022): 520 rounds of 96 chains of 350 steps. Expected:
22.1 with the best weights, of 25,000 to 50,000 updates (the authors' figure, not ours);
`--set sweep.every=5000` measures the weights of every 5,000 updates.
"""

from configs.cifar10_nonconv import config as learning
from ebm_tf.config.fid import FeatureExtractor, measurement_of

config = measurement_of(
    learning,
    name="cifar10_shortrun",
    features=FeatureExtractor(name="inception_2015"),
    num_samples=49_920,
    num_steps=350,
)
