"""Draws images of CIFAR-10 from a robust classifier (Mirza et al., 2024).

python3 ebm_tf/generate.py configs/cifar10_generate.py --set weights=RUN
--set features.weights=PATH

RUN is the folder that configs/cifar10_{sat,trades,weat_adv}.py left, PATH the Inception
graph (docs/energies.md). The published settings for classifiers robust in l-infinity:
r = 0.95, sigma = 0.005, eta = 0.8, 20 steps. Not run at this scale.
"""

from configs.cifar10_sat import config as learning
from ebm_tf.config.fid import FeatureExtractor
from ebm_tf.config.generation import ClassPca, ImageGeneration
from ebm_tf.config.parts import MomentumLangevin

config = ImageGeneration(
    name="cifar10_generate",
    data=learning.data,
    test_split=learning.test_split,
    energy=learning.classifier,
    features=FeatureExtractor(name="inception_2015"),
    start=ClassPca(retained=0.95, temperature=0.354),
    langevin=MomentumLangevin(drift=1.6, noise=0.00253, momentum=0.0, image_bound=1.0),
    num_samples=10_000,
    num_steps=20,
    batch=200,
)
