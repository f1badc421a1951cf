"""The energy algebra on potentials whose values are known."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from ebm_tf.energies import gaussian, joint, marginal, network, tempered, total
from ebm_tf.models import sngan

IMAGES = tf.constant([[1.0, -2.0], [0.0, 0.0], [3.0, 4.0]])[:, None, None, :]
SQUARES = np.array([5.0, 0.0, 25.0])


def prior(images):
    return 1.5 * tf.reduce_sum(images**2, [1, 2, 3])


def gradient(energy, images):
    with tf.GradientTape() as tape:
        tape.watch(images)
        energies = energy(images)
    return tape.gradient(energies, images)


@pytest.mark.parametrize(
    ("energy", "factor"),
    [
        (gaussian(1.0), 0.5),
        (gaussian(0.5), 2.0),
        (tempered(gaussian(1.0), 0.5), 1.0),
        (total(gaussian(1.0)), 0.5),
        (total(tempered(gaussian(1.0), 0.5), gaussian(0.5)), 3.0),
        (total(gaussian(1.0), gaussian(1.0), prior), 2.5),
        (tempered(total(gaussian(1.0), prior), 4.0), 0.5),
    ],
)
def test_energies_of_multiples_of_the_squared_norm(energy, factor):
    np.testing.assert_allclose(energy(IMAGES), factor * SQUARES, rtol=1e-6)
    np.testing.assert_allclose(gradient(energy, IMAGES), 2 * factor * IMAGES, rtol=1e-6)


def test_a_network_is_called_in_inference_mode_and_loses_its_last_axis():
    inputs = keras.Input((1, 1, 2))
    x = keras.layers.Dropout(0.9, seed=1)(inputs)
    x = keras.layers.Dense(1, use_bias=False, kernel_initializer="ones")(x)
    energy = network(keras.Model(inputs, keras.layers.Flatten()(x)))
    np.testing.assert_array_equal(energy(IMAGES), [-1.0, 0.0, 7.0])


def test_energies_are_float32_even_of_a_network_that_ends_in_bfloat16():
    inputs = keras.Input((1, 1, 2))
    x = keras.layers.Flatten(dtype="mixed_bfloat16")(inputs)
    x = keras.layers.Dense(1, dtype="mixed_bfloat16")(x)
    assert x.dtype == "bfloat16"
    assert network(keras.Model(inputs, x))(IMAGES).dtype == tf.float32


LOGITS = tf.constant([[2.0, 0.0, -1.0], [0.5, 0.2, 0.1]])
LABELS = tf.constant([0, 2], tf.int64)


def linear(images):
    """Logits whose gradients in the images [n, 1, 1, 2] are the rows of a matrix."""
    return images[:, 0, 0] @ tf.constant([[1.0, -2.0, 0.5], [0.0, 3.0, -1.0]])


def test_energies_of_a_classifier_have_the_published_values():
    marginals, joints = (
        marginal(lambda x: x)(LOGITS),
        joint(lambda x: x, LABELS)(LOGITS),
    )
    np.testing.assert_allclose(marginals, [-2.169846, -1.380099], atol=5e-7)
    np.testing.assert_array_equal(joints, -tf.gather(LOGITS, LABELS, batch_dims=1))
    cross_entropy = tf.nn.sparse_softmax_cross_entropy_with_logits(LABELS, LOGITS)
    np.testing.assert_allclose(joints - marginals, cross_entropy, atol=1e-6)


def test_a_constant_on_all_logits_moves_both_energies_by_as_much():
    shifted = LOGITS + 300.0
    for energy in (marginal(lambda x: x), joint(lambda x: x, LABELS)):
        np.testing.assert_allclose(energy(shifted), energy(LOGITS) - 300.0, rtol=1e-5)


def test_the_slope_of_cross_entropy_is_that_of_joint_less_marginal():
    labels = tf.constant([0, 2, 1])
    slopes = gradient(joint(linear, labels), IMAGES) - gradient(
        marginal(linear), IMAGES
    )
    expected = gradient(
        lambda x: tf.nn.sparse_softmax_cross_entropy_with_logits(labels, linear(x)),
        IMAGES,
    )
    np.testing.assert_allclose(slopes, expected, atol=1e-5)


def test_energies_of_low_precision_logits_are_float32():
    logits = tf.cast([[200.0, 200.0], [-3.0, 1.0]], tf.bfloat16)
    energies = marginal(lambda x: x)(logits), joint(lambda x: x, [1, 0])(logits)
    assert {energy.dtype for energy in energies} == {tf.float32}
    np.testing.assert_allclose(energies[0], [-200.693147, -1.0181499], rtol=1e-6)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_energies_and_gradients_are_float32_in_every_compute_dtype(dtype):
    model = sngan.energy(8, 1, width=4, dtype=dtype)
    images = tf.random.stateless_uniform([2, 8, 8, 1], [1, 2], -1.0, 1.0)
    energy = total(tempered(network(model), 1e-6), gaussian(0.15))
    energies, slopes = energy(images), gradient(energy, images)
    assert energies.dtype == slopes.dtype == tf.float32
    assert np.all(np.isfinite(energies)) and np.all(np.isfinite(slopes))
