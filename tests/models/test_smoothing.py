"""Bent rectifiers: near the network, with its weights, and with curvature."""

import numpy as np
import pytest
import tensorflow as tf

from ebm_tf.config.classifier import ClassifierNetwork
from ebm_tf.config.parts import Network
from ebm_tf.models.ebm import build_energy
from ebm_tf.models.smoothing import is_rectifier, smooth_rectifier, smoothed

IMAGES = tf.random.stateless_uniform([4, 8, 8, 1], [1, 2], -1.0, 1.0)
WAY = tf.random.stateless_normal(IMAGES.shape, [3, 4])
SETTINGS = {
    "relu": Network(width=6),
    "leaky_relu": Network(width=6, activation="leaky_relu"),
    "classifier": ClassifierNetwork(architecture="small_cnn", width=4, norm="none"),
}


@pytest.fixture(scope="module", params=SETTINGS)
def network(request):
    model = build_energy(SETTINGS[request.param], 8, 1, "float32")
    for index, variable in enumerate(model.trainable_variables):
        noise = tf.random.stateless_normal(variable.shape, [7, index], stddev=0.3)
        variable.assign(variable + noise)
    return model


def derivatives(model):
    """Energies, their gradients, and curvature along the way: the Hessian times it."""
    with tf.GradientTape() as outer:
        outer.watch(IMAGES)
        with tf.GradientTape() as tape:
            tape.watch(IMAGES)
            energies = model(IMAGES, training=False)
        gradient = tape.gradient(energies, IMAGES)
        along = tf.reduce_sum(gradient * WAY)
    curvature = outer.gradient(
        along, IMAGES, unconnected_gradients=tf.UnconnectedGradients.ZERO
    )
    return energies, gradient, curvature


def test_golden_bends():
    at_0 = float(smooth_rectifier(tf.constant(0.0), 50.0))
    assert at_0 == pytest.approx(np.log(2) / 50)
    values = tf.constant([-3.0, -0.1, 0.0, 0.2, 5.0])
    for slope in (0.0, 0.2):
        sharp = tf.maximum(values, slope * values)
        above = (smooth_rectifier(values, 20.0, slope) - sharp).numpy()
        assert (above >= -1e-6).all()
        assert above.max() == pytest.approx((1 - slope) * np.log(2) / 20, rel=1e-5)


def test_it_comes_to_the_network_as_the_bend_gets_sharper(network):
    energies, gradient, _ = derivatives(network)
    far = []
    for sharpness in (5.0, 50.0, 5000.0):
        bent = smoothed(network, sharpness)
        assert bent is not None
        values, slopes, _ = derivatives(bent)
        far.append(
            [
                float(tf.reduce_max(tf.abs(values - energies))),
                float(tf.norm(slopes - gradient) / tf.norm(gradient)),
            ]
        )
    assert (np.diff(far, axis=0) < 0).all()
    assert far[-1][0] < 1e-3 and far[-1][1] < 0.05


def test_it_shares_the_weights(network):
    bent = smoothed(network, 10.0)
    assert bent is not None
    assert [id(value) for value in bent.variables] == [
        id(value) for value in network.variables
    ]


@pytest.mark.parametrize("activation", ["relu", "leaky_relu"])
def test_only_the_bent_network_has_curvature(activation):
    network = build_energy(SETTINGS[activation], 8, 1, "float32")
    bent = smoothed(network, 20.0)
    assert bent is not None
    np.testing.assert_array_equal(derivatives(network)[2], 0.0)
    assert float(tf.norm(derivatives(bent)[2])) > 1e-4
    assert is_rectifier(activation)


def test_of_a_smooth_network_nothing_is_bent():
    settings = Network(width=4, activation="silu")
    assert smoothed(build_energy(settings, 8, 1, "float32"), 10.0) is None
    assert not is_rectifier("silu")
