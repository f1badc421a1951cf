"""FAB: exact distances on linear classifiers, laws, targets, the final search."""

import numpy as np
import pytest
import tensorflow as tf

from ebm_tf.attacks.fab import fab_targeted, searched
from ebm_tf.config.attacks import Ball
from tests.attacks.attack_laws import assert_lawful, assert_sound, draw_colours, network
from tests.attacks.linear_classifiers import (
    draw_images,
    least_distances,
    linear,
    linear_case,
    predicted,
)
from tests.slow import first_fast

SEED = tf.constant([6, 1])
NORMS = ["linf", "l2"]


def attack_on(classifier, norm, num_steps=20, num_targets=9):
    attack = fab_targeted(
        classifier, Ball(norm=norm), num_steps=num_steps, num_targets=num_targets
    )
    return tf.function(attack, autograph=False)


@pytest.mark.parametrize("norm", first_fast(*NORMS))
def test_the_laws_of_an_attack(norm):
    assert_lawful(
        lambda classifier: fab_targeted(
            classifier, Ball(norm=norm), num_steps=8, num_targets=2
        ),
        norm,
        draws=False,
    )


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("num_classes", [2, 5])
def test_distances_to_a_linear_boundary_are_exact(norm, num_classes):
    case = linear_case(num_classes, 20, most=0.3, key=2)
    classifier, weights, bias, images, labels = case
    exact = least_distances(weights, bias, images, labels, norm)
    near = exact < 0.6  # the box is out of reach
    attacked = attack_on(classifier, norm)(images, labels, tf.zeros([20]), SEED)
    found = attacked.info["distance"].numpy()[near]
    assert near.sum() > 5
    np.testing.assert_allclose(found, exact[near], rtol=2e-3, atol=1e-6)
    assert np.all(found >= exact[near] * (1 - 1e-4) - 1e-6)
    np.testing.assert_array_equal(attacked.images, images)


@pytest.mark.parametrize("norm", NORMS)
def test_a_linear_classifier_breaks_just_where_it_can(norm):
    case = linear_case(5, 20, most=0.3, key=2)
    classifier, weights, bias, images, labels = case
    exact = least_distances(weights, bias, images, labels, norm)
    factors = np.where(np.arange(20) % 2, 1.003, 0.997)
    epsilon = tf.constant(exact * factors, tf.float32)
    attacked = attack_on(classifier, norm)(images, labels, epsilon, SEED)
    near = exact < 0.6
    np.testing.assert_array_equal(attacked.broken.numpy()[near], factors[near] > 1)
    assert_sound(classifier, norm, images, labels, epsilon, attacked)


def test_walls_of_the_box_are_kept_on_the_way():
    """Two pixels of three are at walls: the last one has to go all the way."""

    def classifier(images):
        total = tf.reduce_sum(images, [1, 2, 3])
        return tf.stack([0.0 * total, total - 2.5], 1)

    images = tf.constant([1.0, 1.0, 0.0])[None, None, :, None]
    labels, nothing = tf.zeros([1], tf.int64), tf.zeros([1])
    for norm in NORMS:
        attacked = attack_on(classifier, norm)(images, labels, nothing, SEED)
        np.testing.assert_allclose(attacked.info["distance"], 0.5, rtol=2e-3)


def test_distances_of_a_network_are_confirmed():
    """Attacked again with the distance as radius, every image breaks."""
    classifier, images = network(key=4), draw_colours(12, key=4)
    labels = predicted(classifier, images)
    for norm in NORMS:
        attack = attack_on(classifier, norm, num_steps=15, num_targets=3)
        distance = attack(images, labels, tf.zeros([12]), SEED).info["distance"]
        attacked = attack(images, labels, distance * 1.001, SEED)
        assert np.all(attacked.broken)
        assert_sound(classifier, norm, images, labels, distance * 1.001, attacked)


@pytest.mark.slow
def test_more_targets_and_steps_find_nearer_errors():
    classifier, images = network(key=4), draw_colours(30, key=4)
    labels = predicted(classifier, images)
    one, more, longer = (
        attack_on(classifier, "linf", num_steps=steps, num_targets=targets)(
            images, labels, tf.zeros([30]), SEED
        )
        .info["distance"]
        .numpy()
        for steps, targets in ((2, 1), (2, 4), (25, 4))
    )
    assert np.all(more <= one) and np.any(more < one)
    assert np.mean(longer) < np.mean(more)


def test_where_no_error_exists_none_is_found():
    def classifier(images):
        pixel = images[:, 0, 0, 0]
        return tf.stack([0 * pixel + 3, pixel, pixel**2], 1)

    images, labels = draw_images(4), tf.zeros([4], tf.int64)
    attacked = attack_on(classifier, "linf", num_steps=5)(
        images, labels, tf.ones([4]), SEED
    )
    assert np.all(np.isinf(attacked.info["distance"]))
    assert not np.any(attacked.broken)
    np.testing.assert_array_equal(attacked.images, images)
    # Per target 5 steps of two evaluations and 5 of the search, and the two ends.
    np.testing.assert_array_equal(attacked.info["num_queries"], 2 + 2 * (5 * 2 + 5))


def test_zero_gradients_are_reported():
    classifier, _, _ = linear(3)
    images = draw_images(4)

    def rounded(images):
        return tf.round(classifier(images))

    labels = predicted(rounded, images)
    attacked = attack_on(rounded, "l2", num_steps=4)(images, labels, tf.ones([4]), SEED)
    np.testing.assert_array_equal(attacked.info["zero_gradient"], 1.0)


def test_the_search_meets_a_curved_boundary():
    """Errors are beyond a circle of radius r; the start is at its middle."""

    def classifier(images):
        square = tf.reduce_sum(tf.square(images), [1, 2, 3])
        return tf.stack([0 * square + 0.25, square], 1)

    errors = 0.2 * draw_images(6, key=3)
    length = tf.sqrt(tf.reduce_sum(errors**2, [1, 2, 3]))
    errors, length = errors * (0.6 / length)[:, None, None, None], 0.6
    found = searched(classifier, tf.zeros_like(errors), errors, tf.zeros([6], tf.int64))
    radius = tf.sqrt(tf.reduce_sum(found**2, [1, 2, 3]))
    assert np.all(radius > 0.5) and np.all(radius < 0.51)
    np.testing.assert_allclose(
        found / radius[:, None, None, None], errors / length, 1e-4, 1e-6
    )
