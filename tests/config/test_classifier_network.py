"""The settings of a classifier, and those that cannot be."""

import pytest

from ebm_tf.config.classifier import ClassifierNetwork
from ebm_tf.errors import ConfigError


def test_the_published_classifier_is_the_default():
    network = ClassifierNetwork()
    assert network.architecture == "wide_resnet"
    assert (network.depth, network.width, network.num_classes) == (None, None, 10)


@pytest.mark.parametrize(
    ("choices", "message"),
    [
        ({"depth": 0}, "depth=0 > 0."),
        ({"depth": -2}, "depth=-2 > 0."),
        ({"width": 0}, "width=0 > 0."),
        ({"num_classes": 1}, "num_classes=1 >= 2."),
    ],
)
def test_settings_that_cannot_be_are_told(choices, message):
    with pytest.raises(ConfigError, match=f"^Expected {message}"):
        ClassifierNetwork(**choices)
