"""Single updates of an energy and of a generator against closed forms."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from ebm_tf.learning.ebm import contrastive_update, cooperative_update
from ebm_tf.protocols import Chains
from tests.learning.small_networks import (
    SEED,
    SHAPE,
    affine_generator,
    descending,
    quadratic,
    scalars,
    weights_of,
)

DATA = tf.random.stateless_normal([6, *SHAPE], SEED)
SAMPLES = 2.0 + tf.random.stateless_normal([5, *SHAPE], SEED + 1)


def closed_form(temperature):
    """The gradients of stiffness and slope."""

    def moments(images):
        images = np.array(images, np.float64).reshape(len(images), -1)
        return np.array([(images**2).sum(1).mean() / 2, images.sum(1).mean()])

    return (moments(DATA) - moments(SAMPLES)) / temperature


@pytest.mark.parametrize("temperature", [1.0, 0.5])
def test_contrastive_update(temperature):
    network = descending(quadratic, 0.01)
    metrics = contrastive_update(network, DATA, SAMPLES, temperature)
    gradient = closed_form(temperature)
    np.testing.assert_allclose(
        scalars(network.model), [1.0, 0.0] - 0.01 * gradient, rtol=1e-5
    )
    norm, difference = float(metrics["grad_norm"]), float(metrics["energy_difference"])
    assert norm == pytest.approx(np.linalg.norm(gradient), rel=1e-5)
    assert difference == pytest.approx(gradient[0], rel=1e-5)  # the slope is still 0
    parts = metrics["energy_data"] - metrics["energy_samples"]
    assert float(parts) == pytest.approx(difference, rel=1e-5)


def test_contrastive_update_clips_each_tensor():
    network = descending(quadratic, max_grad_norm=0.5)
    metrics = contrastive_update(network, DATA, SAMPLES, 1.0)
    gradient = closed_form(1.0)
    assert np.all(np.abs(gradient) > 0.5)
    expected = [1.0, 0.0] - 0.5 * np.sign(gradient)
    np.testing.assert_allclose(scalars(network.model), expected, rtol=1e-6)
    norm = np.linalg.norm(gradient)  # of what was not yet clipped
    assert float(metrics["grad_norm"]) == pytest.approx(norm, rel=1e-5)


def test_equal_data_and_samples_teach_nothing():
    network = descending(quadratic)
    metrics = contrastive_update(network, DATA, DATA, 1e-4)
    assert scalars(network.model) == [1.0, 0.0]
    assert float(metrics["energy_difference"]) == 0.0


def chains_at(targets, latents):
    return Chains(targets, latents, tf.zeros([len(latents)], tf.int32))


def test_cooperative_update_golden_loss_and_gradient():
    network = descending(affine_generator, 0.1)
    latents = tf.constant([[1.0, 2.0, 0.0], [3.0, -2.0, 1.0]])
    chains = chains_at(tf.fill([2, 4, 4, 3], 0.1), latents)
    metrics = cooperative_update(network, chains, training=False)
    assert float(metrics["generator_loss"]) == pytest.approx(0.48, rel=1e-5)
    # 2 (image - target) = -0.2 at every pixel, times the mean latent, or 1.
    kernel, bias = weights_of(network.model)
    np.testing.assert_allclose(bias, np.full(48, 0.02), rtol=1e-5)
    expected = 0.02 * np.outer(np.mean(latents, axis=0), np.ones(48))
    np.testing.assert_allclose(kernel, expected, atol=1e-8)
    gradient = 10 * np.concatenate([kernel.ravel(), bias])
    norm = float(metrics["generator_grad_norm"])
    assert norm == pytest.approx(np.linalg.norm(gradient), rel=1e-5)


def test_cooperative_updates_move_images_to_their_chains():
    network = descending(affine_generator, 0.2)
    latents = tf.random.stateless_normal([2, 3], SEED)
    targets = tf.random.stateless_uniform([2, 4, 4, 3], SEED, -1.0, 1.0)
    chains = chains_at(targets, latents)
    for _ in range(60):
        cooperative_update(network, chains, training=False)
    np.testing.assert_allclose(network.model(latents), targets, atol=1e-3)


@pytest.mark.parametrize("training", [False, True])
def test_moving_statistics_change_only_in_training_mode(training):
    def build():
        inputs = keras.Input((3,))
        x = keras.layers.BatchNormalization()(keras.layers.Dense(48)(inputs))
        return keras.Model(inputs, keras.layers.Reshape((4, 4, 3))(x))

    network = descending(build, 0.1)
    before = [np.array(v) for v in network.model.non_trainable_variables[:2]]
    latents = tf.random.stateless_normal([4, 3], SEED)
    chains = chains_at(tf.zeros([4, 4, 4, 3]), latents)
    cooperative_update(network, chains, training=training)
    after = [np.array(v) for v in network.model.non_trainable_variables[:2]]
    changed = [not np.array_equal(a, b) for a, b in zip(before, after, strict=True)]
    assert changed == [training, training]
