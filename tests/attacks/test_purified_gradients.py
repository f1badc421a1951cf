"""Gradients through a defence: golden losses, exact estimators, EOT."""

import numpy as np
import pytest
import tensorflow as tf

from ebm_tf import keyed_noise
from ebm_tf.attacks.purified_gradients import (
    averaged_cross_entropy,
    bpda,
    expected,
    through_chain,
    transfer,
)

SHAPE = (2, 2, 1)
WEIGHTS = tf.random.stateless_normal([4, 3], [1, 2])


def classifier(images: tf.Tensor) -> tf.Tensor:
    flat = tf.reshape(images, [-1, 4])
    return tf.matmul(tf.tanh(flat), WEIGHTS) * 2.0


def defense(images: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    """Bends images and adds the noise of their seeds."""
    noise = keyed_noise.normal(seed, images.shape[1:])
    return images + 0.3 * images**3 + 0.4 * noise


def defense_gradient(images, seed, at_end):
    return at_end(defense(images, seed)) * (1.0 + 0.9 * images**2)


def images_of(n: int) -> tf.Tensor:
    return tf.random.stateless_uniform([n, *SHAPE], [3, 4], -1.0, 1.0)


def seeds_of(n: int) -> tf.Tensor:
    return keyed_noise.fold_in(tf.constant([0, 1]), tf.range(n))


@pytest.mark.parametrize(
    ("average", "golden"),
    [("logits", 0.3079031), ("probabilities", 0.4094853), ("loss", 0.5957249)],
)
def test_golden_losses_of_three_replicates(average, golden):
    logits = tf.constant([[[2.0, 0, -1], [0, 1, 0], [4, 1, 0]]])
    loss = averaged_cross_entropy(logits, tf.constant([0]), average)
    np.testing.assert_allclose(loss, [golden], atol=1e-6)


@pytest.mark.parametrize("average", ["logits", "loss", "probabilities"])
def test_one_replicate_leaves_nothing_to_average(average):
    logits = tf.random.stateless_normal([5, 1, 4], [1, 1], stddev=3.0)
    labels = tf.constant([0, 3, 1, 2, 2], tf.int64)
    expected_loss = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits[:, 0])
    np.testing.assert_allclose(
        averaged_cross_entropy(logits, labels, average), expected_loss, rtol=1e-5
    )


def ascents(estimator, labels, average, num_replicates):
    return expected(
        estimator,
        lambda logits: averaged_cross_entropy(logits, labels, average),
        lambda logits: tf.reduce_mean(logits, 1),
        num_replicates,
    )


@pytest.mark.parametrize("average", ["logits", "loss", "probabilities"])
def test_through_the_chain_is_the_whole_gradient(average):
    """Against one tape over everything at once."""
    n, r = 4, 5
    images, seeds, labels = images_of(n), seeds_of(n), tf.constant([0, 1, 2, 1])
    estimator = through_chain(classifier, defense, defense_gradient)
    seen = ascents(estimator, labels, average, r)(images, seeds)
    keys = keyed_noise.replicate_keys(seeds, tf.range(r))
    with tf.GradientTape() as tape:
        tape.watch(images)
        copies = defense(tf.repeat(images, r, axis=0), keys)
        logits = tf.reshape(classifier(copies), [n, r, 3])
        losses = averaged_cross_entropy(logits, labels, average)
    np.testing.assert_allclose(seen.loss, losses, rtol=1e-5)
    np.testing.assert_allclose(seen.logits, tf.reduce_mean(logits, 1), rtol=1e-5)
    np.testing.assert_allclose(
        seen.gradient, tape.gradient(losses, images), rtol=1e-4, atol=1e-6
    )


def test_bpda_takes_the_gradient_at_the_purified_image_for_that_at_the_image():
    n, r = 3, 4
    images, seeds, labels = images_of(n), seeds_of(n), tf.constant([2, 0, 1])
    seen = ascents(bpda(classifier, defense), labels, "loss", r)(images, seeds)
    total = np.zeros(images.shape, np.float32)
    for number in range(r):
        purified = defense(images, keyed_noise.fold_in(seeds, number))
        with tf.GradientTape() as tape:
            tape.watch(purified)
            loss = tf.nn.sparse_softmax_cross_entropy_with_logits(
                labels, classifier(purified)
            )
        total += tape.gradient(loss, purified).numpy() / r
    np.testing.assert_allclose(seen.gradient, total, rtol=1e-4, atol=1e-6)


def test_transfer_sees_nothing_of_the_defence():
    images, labels = images_of(3), tf.constant([0, 1, 2])
    seen = ascents(transfer(classifier), labels, "logits", 1)(images, seeds_of(3))
    np.testing.assert_allclose(seen.logits, classifier(images), rtol=1e-6)
    with tf.GradientTape() as tape:
        tape.watch(images)
        loss = tf.nn.sparse_softmax_cross_entropy_with_logits(
            labels, classifier(images)
        )
    np.testing.assert_allclose(
        seen.gradient, tape.gradient(loss, images), rtol=1e-4, atol=1e-6
    )


def test_an_image_is_seen_alike_alone_and_in_a_batch():
    images, seeds = images_of(5), seeds_of(5)
    labels = tf.constant([0, 1, 2, 0, 1])
    together = ascents(bpda(classifier, defense), labels, "logits", 6)(images, seeds)
    alone = ascents(bpda(classifier, defense), labels[3:4], "logits", 6)(
        images[3:4], seeds[3:4]
    )
    for whole, part in zip(together, alone, strict=True):
        np.testing.assert_allclose(whole[3:4], part, rtol=1e-5, atol=1e-6)


def test_the_mean_over_replicates_comes_to_rest():
    """EOT: with more replicates two draws of the gradient come closer together."""
    images, labels = images_of(1), tf.constant([1])
    spread = []
    for r in (2, 200):
        ascent = ascents(bpda(classifier, defense), labels, "loss", r)
        draws = [ascent(images, tf.constant([[7, i]])).gradient for i in range(8)]
        spread.append(float(tf.reduce_mean(tf.math.reduce_std(tf.stack(draws), 0))))
    assert spread[1] < 0.3 * spread[0]


def test_it_is_a_pure_function_that_xla_compiles():
    images, seeds, labels = images_of(2), seeds_of(2), tf.constant([0, 2])
    estimator = through_chain(classifier, defense, defense_gradient)
    ascent = ascents(estimator, labels, "logits", 3)
    compiled = tf.function(ascent, jit_compile=True, autograph=False)
    for found, value in zip(
        compiled(images, seeds), ascent(images, seeds), strict=True
    ):
        np.testing.assert_allclose(found, value, rtol=1e-4, atol=1e-5)
