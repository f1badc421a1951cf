"""What the last layer of a classifier sees of the features of all places."""

from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from ebm_tf.config.classifier import ClassifierNetwork
from ebm_tf.config.parts import Network
from ebm_tf.errors import ConfigError
from ebm_tf.models.catalogue import build
from tests.models.small_classifiers import NORMS, unsettled

IMAGES = tf.random.stateless_uniform([3, 16, 16, 1], [4, 5], -1.0, 1.0)


def built(architecture: str, pooling: Any, **choices) -> keras.Model:
    network = ClassifierNetwork(
        architecture=architecture,
        width=4,
        num_classes=3,
        norm=NORMS.get(architecture, "batch"),
        pooling=pooling,
        **choices,
    )
    return unsettled(build(network, 16, 1, "float32"))


@pytest.mark.parametrize("architecture", ["small_cnn", "sngan"])
def test_equal_weights_of_all_places_are_the_mean(architecture):
    mean = built(architecture, "mean", energy_head=True)
    flat = built(architecture, "none", energy_head=True)
    *others, kernel, bias = mean.get_weights()
    *_, flat_kernel, _ = flat.get_weights()
    num_places = len(flat_kernel) // len(kernel)
    assert num_places == 16 and flat_kernel.shape == (16 * len(kernel), 4)
    flat.set_weights([*others, np.tile(kernel, [num_places, 1]) / num_places, bias])
    expected = mean(IMAGES, training=False)
    assert np.std(expected, axis=0).min() > 1e-4
    np.testing.assert_allclose(flat(IMAGES, training=False), expected, atol=1e-5)


def test_others_have_a_mean():
    with pytest.raises(ConfigError, match=r"only 'small_cnn' and 'sngan' can have any"):
        ClassifierNetwork(architecture="resnet", pooling="none")


@pytest.mark.parametrize(
    ("architecture", "side", "channels"), [("sngan", 16, 1), ("biggan", 64, 3)]
)
def test_an_energy_of_all_places_can_be_that_of_the_mean(architecture, side, channels):
    images = tf.random.stateless_uniform([2, side, side, channels], [4, 5], -1.0, 1.0)

    def energy(pooling: Any) -> keras.Model:
        network = Network(architecture=architecture, width=4, pooling=pooling)
        return build(network, side, channels, "float32")

    mean, flat = energy("mean"), energy("none")
    *others, kernel = mean.get_weights()
    *_, flat_kernel = flat.get_weights()
    num_places = len(flat_kernel) // len(kernel)
    assert num_places > 1
    flat.set_weights([*others, np.tile(kernel, [num_places, 1]) / num_places])
    expected = mean(images)
    assert np.std(expected) > 1e-4
    np.testing.assert_allclose(flat(images), expected, atol=1e-5)
