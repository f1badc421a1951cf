"""The energy algebra on potentials whose values are known."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from ebm_tf.energies import (
    gaussian,
    joint_energy,
    marginal_energy,
    network,
    tempered,
    total,
)
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


def test_the_classes_of_a_classifier_sum_up_to_its_marginal():
    logits = tf.constant([[2.0, 0.0, -1.0], [100.0, 101.0, 99.0]])
    joint = [joint_energy(logits, tf.fill([2], label)) for label in range(3)]
    np.testing.assert_array_equal(tf.stack(joint, 1), -logits)
    total = -tf.reduce_logsumexp(-tf.stack(joint, 1), 1)
    np.testing.assert_allclose(marginal_energy(logits), total)


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


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_energies_and_gradients_are_float32_in_every_compute_dtype(dtype):
    model = sngan.energy(8, 1, width=4, dtype=dtype)
    images = tf.random.stateless_uniform([2, 8, 8, 1], [1, 2], -1.0, 1.0)
    energy = total(tempered(network(model), 1e-6), gaussian(0.15))
    energies, slopes = energy(images), gradient(energy, images)
    assert energies.dtype == slopes.dtype == tf.float32
    assert np.all(np.isfinite(energies)) and np.all(np.isfinite(slopes))
