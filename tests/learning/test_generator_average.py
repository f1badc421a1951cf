"""The averaged generator and its statistics, against batches of its own features."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from ebm_tf.learning.generator import NUM_STATISTICS, batch_statistics, renewed_average
from ebm_tf.learning.optimization import Learned, averaged, descend
from ebm_tf.models import latents, sngan
from tests.learning.small_networks import SEED, descending, weights_of

DRAW = latents.standard_normal(5)


def learned_a_little() -> Learned:
    """A generator whose weights have left their averages, and its statistics too."""
    network = descending(
        lambda: sngan.generator(8, 1, width=4, latent_size=5), 1.0, average_decay=0.9
    )
    for update in range(3):
        network.model(DRAW(7, SEED + update), training=True)
        weights = network.model.trainable_variables
        descend(network, [0.3 * tf.ones(v.shape) for v in weights])
    return network


def first_features(model: keras.Model, z: tf.Tensor) -> np.ndarray:
    unfolded = model.get_layer("latent_channels_last").output
    return keras.Model(model.input, unfolded)(z).numpy()


def test_statistics_of_the_average_are_those_of_batches_of_its_own_weights():
    network = learned_a_little()
    average = renewed_average(network, DRAW, batch=8, key=SEED)
    taken_over = weights_of(averaged(network))
    before = weights_of(network.model)
    model = average()
    assert model is network.average
    for weight, kept in zip(weights_of(network.model), before, strict=True):
        np.testing.assert_array_equal(weight, kept)
    batches = [
        first_features(model, DRAW(8, tf.random.fold_in(SEED, index)))
        for index in range(NUM_STATISTICS)
    ]
    norm = model.get_layer("block2_bn_1")
    mean = np.mean([x.mean((0, 1, 2)) for x in batches], axis=0)
    variance = np.mean([x.var((0, 1, 2)) for x in batches], axis=0)
    np.testing.assert_allclose(norm.moving_mean, mean, atol=1e-3)
    np.testing.assert_allclose(norm.moving_variance, variance, rtol=1e-2)
    changed = [
        not np.allclose(ours, theirs, atol=1e-2)
        for ours, theirs in zip(weights_of(model), taken_over, strict=True)
    ]
    assert any(changed)
    trained = [v.trainable for v in model.variables]
    assert not any(np.logical_and(changed, trained))
    # The bits are those of the weights, not of what was asked before.
    again = weights_of(renewed_average(network, DRAW, batch=8, key=SEED)())
    for ours, theirs in zip(weights_of(average()), again, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_batch_statistics_are_those_of_the_first_features():
    model = sngan.generator(8, 1, width=4, latent_size=5)
    for _ in range(3):
        model(tf.random.stateless_normal([7, 5], SEED), training=True)
    before = weights_of(model)
    z = tf.random.stateless_normal([32, 5], SEED + 1)
    found = batch_statistics(model, z)
    for weight, kept in zip(weights_of(model), before, strict=True):
        np.testing.assert_array_equal(weight, kept)
    unfolded = model.get_layer("latent_channels_last").output
    features = keras.Model(model.input, unfolded)(z).numpy()
    np.testing.assert_allclose(found[0], features.mean((0, 1, 2)), atol=1e-4)
    np.testing.assert_allclose(found[1], features.var((0, 1, 2)), rtol=1e-3)


def of_ones_own() -> keras.Model:
    """A generator whose layers keep other shares of their statistics."""
    return keras.Sequential(
        [
            keras.Input((6,)),
            keras.layers.BatchNormalization(momentum=0.5),
            keras.layers.Dense(64),
            keras.layers.Reshape((8, 8, 1)),
            keras.layers.BatchNormalization(momentum=0.9),
        ]
    )


@pytest.mark.parametrize(
    "make",
    [lambda: sngan.generator(8, 1, width=4, latent_size=5, num_classes=3), of_ones_own],
)
def test_with_statistics_of_a_batch_inference_is_training_on_it(make):
    model = make()
    z = latents.standard_normal(5, 3)(16, SEED)
    for variable, values in zip(
        model.non_trainable_variables, batch_statistics(model, z), strict=True
    ):
        variable.assign(values)
    np.testing.assert_allclose(
        model(z, training=False), model(z, training=True), atol=1e-3
    )
