"""Alignments: of linear classifiers by hand, of others by finite differences."""

import numpy as np
import pytest
import tensorflow as tf

from ebm_tf.directions.alignment import (
    aligned,
    closest_wrong,
    considered,
    cosine,
    linear_distances,
    linearised,
)
from tests.attacks.linear_classifiers import draw_images, least_distances, linear_case

SEED = tf.constant([1, 2])


def test_linear_distances_are_those_to_the_boundaries_of_a_linear_classifier():
    case = linear_case(4, 30, 1.0)
    classes = considered(case.classifier(case.images), case.labels)
    logits, gradients = linearised(case.classifier, case.images, classes)
    np.testing.assert_allclose(logits, case.classifier(case.images), rtol=1e-5)
    rows = np.broadcast_to(case.weights.reshape(1, 4, 4, 4, 1), gradients.shape)
    np.testing.assert_allclose(gradients, rows, rtol=1e-6)
    distances = linear_distances(logits, gradients, case.labels).numpy()
    expected = least_distances(case.weights, case.bias, case.images, case.labels, "l2")
    np.testing.assert_allclose(distances.min(1), expected, rtol=1e-4)
    closest = closest_wrong(case.classifier, case.images, case.labels)
    np.testing.assert_array_equal(closest, distances.argmin(1))
    # Negative where another class has the larger logit already.
    others = tf.constant((case.labels.numpy() + 1) % 4)
    from_others = linear_distances(logits, gradients, others).numpy()
    assert (from_others[np.arange(30), case.labels] < 0).all()
    assert np.isinf(from_others[np.arange(30), others]).all()


def test_the_likeliest_wrong_classes_are_considered_and_the_label():
    logits = tf.constant([[0.1, 3.0, 2.0, 1.0], [5.0, 1.0, 2.0, 3.0]])
    labels = tf.constant([2, 1], tf.int64)
    found = considered(logits, labels, 2)
    np.testing.assert_array_equal(found, [[2, 1, 3], [1, 0, 3]])
    everything = np.tile(np.arange(4), (2, 1))
    for num in (None, 3, 10):
        np.testing.assert_array_equal(considered(logits, labels, num), everything)


@pytest.mark.parametrize("num_classes", [2, 3])
def test_a_linear_classifier_is_aligned_with_its_own_direction(num_classes):
    case = linear_case(num_classes, 20, 1.0)

    def normals(images, labels, wrong, seed):
        weights = tf.reshape(case.weights, [num_classes, 4, 4, 1])
        return tf.gather(weights, wrong) - tf.gather(weights, labels)

    def against(*where):
        return -3.0 * normals(*where)

    for directions, expected in ((normals, 1.0), (against, -1.0)):
        found = aligned(case.classifier, case.images, case.labels, directions, SEED)
        np.testing.assert_allclose(found, np.full(20, expected), rtol=1e-6)


def test_cosines_know_no_scale_and_are_0_of_nothing():
    one, other = draw_images(5), draw_images(5, key=1)
    flat = np.reshape(one, [5, -1]), np.reshape(other, [5, -1])
    lengths = [np.linalg.norm(rows, axis=1) for rows in flat]
    expected = (flat[0] * flat[1]).sum(1) / np.prod(lengths, axis=0)
    np.testing.assert_allclose(cosine(one, other), expected, atol=1e-6)
    # Squares of these are 0 or infinite in float32.
    np.testing.assert_allclose(cosine(1e-30 * one, 1e30 * other), expected, atol=1e-6)
    assert not cosine(0.0 * one, other).numpy().any()


def test_no_gradient_is_a_number_that_is_none():
    start = tf.constant(0.0)
    with tf.GradientTape() as tape:
        tape.watch(start)
        value = tf.reduce_sum(cosine(start * draw_images(3), draw_images(3, key=1)))
    assert np.isfinite(tape.gradient(value, start))


def test_the_reward_has_the_gradient_of_finite_differences():
    rng = np.random.default_rng(0)
    shapes = [16, 6], [6], [6, 2]
    weights = [tf.constant(rng.normal(size=shape)) for shape in shapes]
    images = tf.cast(draw_images(4), tf.float64)
    ways = tf.cast(draw_images(4, key=1), tf.float64)
    labels = tf.constant([0, 1, 1, 0], tf.int64)

    def alignment(weights) -> tf.Tensor:
        def network(images: tf.Tensor) -> tf.Tensor:
            hidden = tf.tanh(tf.reshape(images, [-1, 16]) @ weights[0] + weights[1])
            return hidden @ weights[2]

        found = aligned(network, images, labels, lambda *_: ways, SEED)
        return tf.reduce_mean(found)

    with tf.GradientTape() as tape:
        tape.watch(weights)
        value = alignment(weights)
    gradients = tape.gradient(value, weights)
    for place, gradient in enumerate(gradients):
        way, ends = rng.normal(size=shapes[place]), []
        for step in (1e-6, -1e-6):
            moved = [w + step * way if i == place else w for i, w in enumerate(weights)]
            ends.append(float(alignment(moved)))
        slope = (ends[0] - ends[1]) / 2e-6
        assert slope == pytest.approx(float(tf.reduce_sum(gradient * way)), rel=1e-5)
