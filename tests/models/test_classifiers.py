"""What all classifiers share: their beginnings, activations, and refusals."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from ebm_tf.config.classifier import ClassifierNetwork
from ebm_tf.errors import ConfigError
from ebm_tf.models.catalogue import NETWORKS, build
from tests.models.small_classifiers import LEAST_DEPTHS, NORMS, normal

SIZE = 16
DEPTHS = {**LEAST_DEPTHS, "wide_resnet": 16, "small_cnn": 5}
# Sums of absolute initial weights, and a logit, as they were before there were other
# settings: released weights, and runs that are repeated, depend on them.
BEGINNINGS = {
    "wide_resnet": 21981.647269066423,
    "resnet": 1954.7108036279678,
    "small_cnn": 358.3478073775768,
}


def built(architecture: str, **choices) -> keras.Model:
    keras.utils.set_random_seed(5)
    width = 2 if architecture == "wide_resnet" else 4
    settings = ClassifierNetwork(
        architecture=architecture,
        depth=DEPTHS[architecture],
        width=width,
        num_classes=4,
        norm=NORMS.get(architecture, "batch"),
        **choices,
    )
    return build(settings, SIZE, 3, "float32")


@pytest.mark.parametrize("architecture", BEGINNINGS)
def test_networks_begin_as_they_always_have(architecture):
    model = built(architecture)
    total = sum(np.abs(w.numpy(), dtype=float).sum() for w in model.trainable_weights)
    assert total == pytest.approx(BEGINNINGS[architecture], rel=1e-6)
    kinds = {type(layer).__name__ for layer in model.layers}
    assert "BatchNormalization" in kinds
    assert not kinds & {"Dropout", "ClassLogits"}


@pytest.mark.parametrize("architecture", NETWORKS[ClassifierNetwork])
@pytest.mark.parametrize("activation", ["leaky_relu", "silu"])
def test_every_activation_is_that_of_the_settings(architecture, activation):
    model = built(architecture, activation=activation)
    function = keras.activations.get(activation)
    layers = [x for x in model.layers if isinstance(x, keras.layers.Activation)]
    assert {layer.activation for layer in layers} == {function}
    usual = built(architecture)
    assert [x.name for x in usual.layers] == [x.name for x in model.layers]
    images = normal(2, SIZE, SIZE, 3)
    assert np.abs(model(images) - usual(images)).max() > 1e-3


def test_a_leaky_rectifier_has_the_slope_of_jem():
    slope = keras.layers.Activation("leaky_relu")(tf.constant([-10.0, 10.0]))
    np.testing.assert_allclose(slope, [-2.0, 10.0])


@pytest.mark.parametrize("architecture", NETWORKS[ClassifierNetwork])
def test_unknown_activations_are_told(architecture):
    with pytest.raises(ConfigError, match="activation='leaky' to be one that Keras"):
        built(architecture, activation="leaky")
