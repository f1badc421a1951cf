"""The settings of a classifier, and those that cannot be."""

import pytest

from ebm_tf.config.classifier import ClassifierNetwork
from ebm_tf.errors import ConfigError


def test_the_published_classifier_is_the_default():
    network = ClassifierNetwork()
    assert network.architecture == "wide_resnet"
    assert (network.depth, network.width, network.num_classes) == (28, 10, 10)


@pytest.mark.parametrize("depth", [10, 16, 22, 28, 34, 40])
def test_depths_that_divide_into_three_groups(depth):
    assert ClassifierNetwork(depth=depth).depth == depth


@pytest.mark.parametrize(
    ("choices", "message"),
    [
        ({"depth": 4}, "depth=4 to be one of 10, 16, 22, 28 and so on."),
        ({"depth": -2}, "depth=-2 to be one of 10,"),
        ({"depth": 27}, "depth=27 to be one of 10,"),
        ({"depth": 30}, "depth=30 to be one of 10,"),
        ({"width": 0}, "width=0 > 0."),
        ({"num_classes": 1}, "num_classes=1 > 1."),
    ],
)
def test_settings_that_cannot_be_are_told(choices, message):
    with pytest.raises(ConfigError, match=f"^Expected {message}"):
        ClassifierNetwork(**choices)
