"""Settings of networks: which are one's own, and what comes with them."""

import dataclasses

import pytest

from ebm_tf.config.classifier import ClassifierNetwork
from ebm_tf.config.core import from_mapping, to_mapping
from ebm_tf.config.folders import ImageClassification
from ebm_tf.config.networks import Standardised
from ebm_tf.config.overrides import override
from ebm_tf.config.own_networks import OwnNetwork
from ebm_tf.config.parts import GeneratorNetwork, Network
from ebm_tf.errors import ConfigError


@pytest.mark.parametrize(
    ("settings", "is_own", "brings_weights"),
    [
        (Network(), False, False),
        (Network(weights="release:digits_nonconv"), False, False),
        (Network(architecture="mine.py:energy"), True, False),
        (Network(architecture="mine.py:energy", weights="RUN"), True, False),
        (Network(weights="mine.py:energy"), True, True),
        (ClassifierNetwork(architecture="mine.keras"), True, True),
        (ClassifierNetwork(architecture="mine.keras", weights="RUN"), True, False),
        (GeneratorNetwork(weights="mine.keras"), True, True),
    ],
)
def test_a_network_of_ones_own_may_bring_its_weights(settings, is_own, brings_weights):
    assert (settings.is_own, settings.brings_weights) == (is_own, brings_weights)
    assert from_mapping(type(settings), to_mapping(settings)) == settings


def test_weights_that_are_a_network_are_its_architecture():
    settings = dataclasses.replace(Network(width=4), weights="mine.keras")
    assert settings.architecture == "mine.keras" and settings.width == 4
    kept = dataclasses.replace(settings, weights=None)
    assert kept.architecture == "mine.keras"


def test_a_range_is_set_on_the_command_line():
    range_of = "pixel_range={'type': 'Standardised', 'mean': (0.5, 0.4), 'stddev': 1}"
    found = override(Network(), [range_of]).pixel_range
    assert found == Standardised(mean=(0.5, 0.4), stddev=1.0)
    parts = ["pixel_range.mean=(0.5, 0.4)", "pixel_range.stddev=1"]
    assert override(Network(), parts).pixel_range == found
    assert override(Network(), ["pixel_range=0..255"]).pixel_range == "0..255"


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: override(Network(), ["pixel_range=0..2"]),
            "Expected pixel_range='0..2'",
        ),
        (lambda: Standardised(mean=0.0, stddev=0.0), "Expected stddev=0.0 > 0."),
        (lambda: Standardised(mean=0.0, stddev=(1.0, -1.0)), "stddev=.* > 0."),
        (
            lambda: ClassifierNetwork(architecture="a.py:f", energy_head=True),
            "Expected energy_head=False where architecture='a.py:f'",
        ),
        (lambda: OwnNetwork(image_size=0), "Expected image_size=0 > 0."),
        (lambda: OwnNetwork(num_classes=1), "Expected num_classes=1 >= 2."),
        (
            lambda: ImageClassification(
                name="a", weights="release:a", network=OwnNetwork(image_size=8)
            ),
            "no settings of `network` where weights=release:a",
        ),
    ],
)
def test_what_cannot_be_is_told(make, message):
    with pytest.raises(ConfigError, match=message):
        make()
