"""The settings of a classifier, and those that cannot be."""

import pytest

from ebm_tf.config.classifier import ClassifierNetwork
from ebm_tf.config.overrides import override
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


@pytest.mark.parametrize(
    ("choices", "message"),
    [
        ({"dropout": 1.0}, "Expected dropout=1.0 in [0, 1)."),
        ({"dropout": -0.5}, "Expected dropout=-0.5 in [0, 1)."),
        (
            {"norm": "layer"},
            "Expected norm='layer' to be of type Literal['batch', 'frozen', 'none'].",
        ),
        (
            {"architecture": "resnet", "norm": "none"},
            "Expected norm='none' to be 'batch' or 'frozen' where "
            "architecture='resnet': only 'wide_resnet', 'small_cnn' and 'mlp' can "
            "have any.",
        ),
        (
            {"architecture": "sngan"},
            "Expected norm='batch' to be 'none' where architecture='sngan': only "
            "'wide_resnet', 'small_cnn' and 'mlp' can have any.",
        ),
        (
            {"architecture": "resnet", "dropout": 0.25},
            "Expected dropout=0.25 to be 0.0 where architecture='resnet': only "
            "'wide_resnet', 'small_cnn' and 'robustbench_wrn' can have any.",
        ),
        (
            {"architecture": "mlp", "dropout": 0.25},
            "Expected dropout=0.25 to be 0.0 where architecture='mlp': only "
            "'wide_resnet', 'small_cnn' and 'robustbench_wrn' can have any.",
        ),
        (
            {"architecture": "resnet", "raw_shortcut": True},
            "Expected raw_shortcut=True to be False where architecture='resnet': only "
            "'preact_resnet' can have any.",
        ),
    ],
)
def test_what_a_network_cannot_be_is_told_in_a_line(choices, message):
    with pytest.raises(ConfigError) as raised:
        ClassifierNetwork(**choices)
    assert str(raised.value) == message


def test_the_network_of_jem_can_be_named():
    network = override(
        ClassifierNetwork(),
        ["norm=none", "activation=leaky_relu", "dropout=0.25", "energy_head=True"],
    )
    assert network == ClassifierNetwork(
        norm="none", activation="leaky_relu", dropout=0.25, energy_head=True
    )
    assert ClassifierNetwork(architecture="resnet", energy_head=True).energy_head
