"""Draws handwritten digits (8x8) of each class from a robust classifier.

python3 ebm_tf/generate.py configs/digits_generate.py

It is the released one of configs/digits_weat_adv.py; `--set weights=RUN` takes another,
`--set "classes=(3,)" --set num_samples=50` draws fifty threes.
"""

from configs.digits_clean import config as clean
from configs.digits_weat_adv import config as learning
from ebm_tf.config.fid import FeatureExtractor
from ebm_tf.config.generation import ClassPca, ImageGeneration, Variation
from ebm_tf.config.parts import MomentumLangevin

config = ImageGeneration(
    name="digits_generate",
    weights="release:digits_weat_adv",
    data=learning.data,
    test_split=learning.test_split,
    energy=learning.classifier,
    # Not pixels: those of a Gaussian start have the moments of the images already.
    features=FeatureExtractor(
        name="classifier", classifier=clean.classifier, weights="release:digits_clean"
    ),
    start=ClassPca(temperature=0.7),
    langevin=MomentumLangevin(drift=0.1, noise=0.0025, momentum=0.0, image_bound=1.0),
    num_samples=1000,
    num_steps=20,
    batch=200,
    num_statistics=1197,
    variations=(
        Variation(
            setting="start",
            values=(
                "{'type': 'UniformStart'}",
                "{'type': 'ClassGaussian'}",
                "{'type': 'ClassPca', 'temperature': 0.7}",
            ),
        ),
        Variation(setting="start.retained", values=(0.8, 0.9, 0.95, 0.99)),
        Variation(setting="start.temperature", values=(0.35, 0.7, 1.0)),
        Variation(setting="langevin.drift", values=(0.02, 0.1, 0.4, 1.6)),
        Variation(setting="langevin.momentum", values=(0.0, 0.5, 0.8)),
        Variation(setting="num_steps", values=(0, 5, 20, 50)),
    ),
)
