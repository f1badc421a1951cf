"""Settings of comparisons: what is refused, and what all models share."""

import dataclasses

import pytest

from ebm_tf.config.chains import Persistent
from ebm_tf.config.comparison import Comparison
from ebm_tf.config.fid import FeatureExtractor
from ebm_tf.config.parts import Data
from ebm_tf.errors import ConfigError
from tests.config.test_settings import experiment

CONFIG = Comparison(
    name="some",
    data=Data(name="digits", image_size=8, channels=1),
    features=FeatureExtractor(name="pixels"),
    start="noise",
    noise_scale=0.25,
)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"start": "generator"}, "start='noise' or 'data'"),
        ({"runs": ("run", "")}, "to be folders"),
        ({"noise_scale": 0.0}, "noise_scale=0.0 > 0"),
        ({"batch": 0}, "batch=0 > 0"),
        ({"save_every": 0}, "save_every=0 > 0"),
        ({"num_samples": -3}, "num_samples=-3 >= 2"),
        ({"num_steps": ()}, r"num_steps=\(\) to rise from 0 or more"),
        ({"num_steps": (9, 5)}, r"num_steps=\(9, 5\) to rise from 0 or more"),
    ],
)
def test_what_cannot_work_is_told(settings, message):
    with pytest.raises(ConfigError, match=message):
        dataclasses.replace(CONFIG, **settings)


def test_models_that_learned_from_other_noise_are_compared_from_the_same():
    chains = Persistent(start="noise", bank_size=64)
    for scale in (0.5, 1.0):
        learned = experiment(chains=dataclasses.replace(chains, noise_scale=scale))
        measurement = CONFIG.measurement("run", learned)
        assert measurement.start == "noise" and measurement.noise_scale == 0.25
