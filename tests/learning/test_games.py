"""Games of discriminator and generator, and their losses by hand."""

from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from ebm_tf.learning.games import multi_hinge
from ebm_tf.learning.generator import make_step
from ebm_tf.learning.optimization import LabelledBatch
from ebm_tf.models import latents, sngan, sngan_discriminator
from ebm_tf.objectives import feature_matching
from ebm_tf.objectives import multi_hinge as multi_hinge_loss
from tests.learning.small_networks import SEED, descending, weights_of


def test_the_multi_hinge_by_hand():
    scores = tf.constant([[2.0, 0.5, -1.0], [0.2, 0.3, 0.1], [-3.0, 1.0, 1.0]])
    # 2 beats 0.5 by 1.5, which is enough; 0.1 is beaten by 0.3; 1 ties with 1.
    expected = np.mean([0.0, 1.0 + 0.3 - 0.1, 1.0 + 1.0 - 1.0])
    found = multi_hinge_loss(scores, tf.constant([0, 2, 1]))
    assert float(found) == pytest.approx(expected)


def test_of_two_scores_it_is_the_hinge_of_their_difference():
    scores = tf.random.stateless_normal([50, 2], SEED)
    labels = tf.random.stateless_uniform([50], SEED, 0, 2, tf.int64)
    signs = 2.0 * labels.numpy() - 1.0
    gaps = scores[:, 1].numpy() - scores[:, 0].numpy()
    expected = np.maximum(0.0, 1.0 - signs * gaps).mean()
    assert float(multi_hinge_loss(scores, labels)) == pytest.approx(expected, rel=1e-5)


def test_the_multi_hinge_raises_the_target_against_the_best_other():
    scores = tf.constant([[0.2, 0.3, 0.1]])
    with tf.GradientTape() as tape:
        tape.watch(scores)
        loss = multi_hinge_loss(scores, tf.constant([2]))
    np.testing.assert_array_equal(tape.gradient(loss, scores), [[0.0, 1.0, -1.0]])


def test_features_match_in_their_means_and_data_are_held():
    samples = tf.constant([[1.0, 2.0], [3.0, 2.0]])
    data = tf.constant([[0.0, 5.0], [0.0, 5.0], [3.0, 5.0]])
    with tf.GradientTape() as tape:
        tape.watch([samples, data])
        loss = feature_matching(samples, data)
    assert float(loss) == pytest.approx((abs(2.0 - 1.0) + abs(2.0 - 5.0)) / 2)
    of_samples, of_data = tape.gradient(loss, [samples, data])
    np.testing.assert_allclose(of_samples, [[0.25, -0.25]] * 2)
    assert of_data is None


def fixed(outputs: dict[float, list]) -> Any:
    """A network that answers by the first pixel of an image."""

    def network(images, training):
        del training
        rows = [outputs[float(value)] for value in images[:, 0, 0, 0]]
        scores, features = zip(*rows, strict=True)
        return tf.constant(scores), tf.constant(features)

    return network


def test_the_losses_of_both_networks():
    data = LabelledBatch(tf.zeros([2, 1, 1, 1]), tf.constant([1, 0], tf.int64))
    samples = tf.ones([2, 1, 1, 1])
    z = latents.with_classes(tf.zeros([2, 3]), tf.constant([0, 1]))
    network = fixed({0.0: [[2.0, 0.0, 0.0], [1.0]], 1.0: [[0.0, 1.0, 3.0], [4.0]]})
    game = multi_hinge(2, class_weight=0.1, feature_weight=2.0)
    loss, metrics = game.of_discriminator(network, data, samples, z)
    # Of data: class 1 loses 1 + 2, class 0 nothing. Samples are told from data by 2.
    assert float(loss) == pytest.approx(3.0 / 2)
    assert float(metrics["right_data"]) == 0.5
    assert float(metrics["found_samples"]) == 1.0
    found = game.of_generator(network, data, samples, z)
    assert float(found) == pytest.approx(2.0 * 3.0 + 0.1 * (4.0 + 3.0) / 2)


@pytest.mark.slow
def test_an_update_of_the_game_moves_both_networks():
    keras.utils.set_random_seed(1)
    generator = descending(
        lambda: sngan.generator(8, 1, width=4, latent_size=5, num_classes=2), 1e-2
    )
    discriminator = descending(
        lambda: sngan_discriminator.discriminator(8, 1, width=4, num_outputs=3), 1e-2
    )
    before = weights_of(generator.model), weights_of(discriminator.model)
    game = multi_hinge(2, class_weight=0.05, feature_weight=1.0)
    step = make_step(generator, discriminator, latents.standard_normal(5, 2), game)
    images = tf.random.stateless_uniform([4, 8, 8, 1], SEED, -1.0, 1.0)
    batch = LabelledBatch(images, tf.constant([0, 1, 0, 1], tf.int64))
    _, metrics, _ = step((), [batch, batch], SEED)
    names = {"right_data", "found_samples", "generator_loss", "discriminator_loss"}
    assert names <= set(metrics) and all(np.isfinite(v) for v in metrics.values())
    for network, kept in zip((generator, discriminator), before, strict=True):
        moved = [
            not np.array_equal(ours, theirs)
            for ours, theirs in zip(weights_of(network.model), kept, strict=True)
        ]
        assert sum(moved) > len(moved) / 2


def test_a_discriminator_of_classes_gives_its_features():
    model = sngan_discriminator.discriminator(8, 1, width=4, num_outputs=4)
    scores, features = model(tf.random.stateless_normal([3, 8, 8, 1], SEED))
    assert scores.shape == (3, 4) and features.shape == (3, 8)
    assert np.min(features) >= 0.0  # sums of what a rectifier gives
