"""The Square attack: laws, what it proposes, how it stops, and no gradients."""

import numpy as np
import pytest
import tensorflow as tf

from ebm_tf.attacks import balls
from ebm_tf.attacks.square import l2_proposals, linf_proposals, square
from ebm_tf.config.attacks import Ball
from tests.attacks.attack_laws import assert_lawful, assert_sound, draw_colours
from tests.attacks.linear_classifiers import (
    draw_images,
    least_distances,
    linear,
    linear_case,
    predicted,
)

SEED = tf.constant([9, 2])
NORMS = ["linf", "l2"]


@pytest.mark.parametrize("norm", NORMS)
def test_the_laws_of_an_attack(norm):
    assert_lawful(
        lambda classifier: square(classifier, Ball(norm=norm), num_queries=60), norm
    )


@pytest.mark.parametrize("norm", NORMS)
def test_a_linear_classifier_breaks_with_few_queries(norm):
    case = linear_case(2, 16, most=0.3, key=4)
    classifier, weights, bias, images, labels = case
    epsilon = least_distances(weights, bias, images, labels, norm)
    attack = tf.function(
        square(classifier, Ball(norm=norm), num_queries=400), autograph=False
    )
    for factor, all_break in ((0.98, False), (1.6 if norm == "linf" else 3.0, True)):
        radii = tf.constant(epsilon * factor, tf.float32)
        attacked = attack(images, labels, radii, SEED)
        near = epsilon * factor < 0.7 if norm == "linf" else epsilon < 1.0
        assert near.sum() > 5
        assert np.all(attacked.broken.numpy()[near] == all_break)
        assert_sound(classifier, norm, images, labels, radii, attacked)
        queries = attacked.info["num_queries"].numpy()
        if all_break:
            assert np.mean(queries[near]) < 150
        else:
            np.testing.assert_array_equal(queries[~attacked.broken.numpy()], 401)


@pytest.mark.parametrize("norm", NORMS)
def test_it_needs_no_gradient(norm):
    inner, _, _ = linear(4, key=1)

    @tf.custom_gradient
    def classifier(images):
        def grad(_):
            raise AssertionError("A gradient was taken.")

        return tf.round(8.0 * inner(images)), grad

    images = draw_images(10, most=0.5)
    labels = predicted(classifier, images)
    attack = square(classifier, Ball(norm=norm), num_queries=80)
    epsilon = tf.fill([10], 0.25 if norm == "linf" else 1.0)
    with tf.GradientTape() as tape:
        tape.watch(images)
        with tape.stop_recording():
            attacked = attack(images, labels, epsilon, SEED)
    assert np.mean(attacked.broken) > 0.4
    np.testing.assert_array_equal(attacked.info["zero_gradient"], 0.0)


@pytest.mark.parametrize("norm", NORMS)
def test_the_loop_ends_when_every_image_is_broken(norm):
    num_calls = tf.Variable(0)

    def classifier(images):
        num_calls.assign_add(1)
        pixel = tf.reduce_mean(tf.abs(images), [1, 2, 3])
        return tf.stack([0.0 * pixel, pixel], 1)

    images, labels = tf.zeros([3, 6, 6, 1]), tf.zeros([3], tf.int64)
    attack = square(classifier, Ball(norm=norm), num_queries=5000)
    attacked = attack(images, labels, tf.ones([3]), SEED)
    assert np.all(attacked.broken) and int(num_calls) == 2
    np.testing.assert_array_equal(attacked.info["num_queries"], 2)


def drawn(proposals, num):
    """The numbers of a query."""
    return tf.random.stateless_uniform([num, proposals.num_draws], SEED)


def test_linf_proposals_are_stripes_and_squares_at_the_surface():
    images = 0.2 * draw_colours(6)
    epsilon = tf.linspace(0.1, 0.6, 6)
    proposals = linf_proposals(balls.ball("linf", epsilon), images, 100)
    begun = proposals.first(SEED)
    radii = epsilon[:, None, None, None].numpy()
    signs = (begun - images).numpy() / radii
    np.testing.assert_allclose(np.abs(signs), 1.0, atol=1e-5)
    np.testing.assert_allclose(
        signs, np.broadcast_to(signs[:, :1], signs.shape), atol=1e-5
    )
    assert 0.3 < np.mean(signs > 0) < 0.7
    moved = proposals.next(images, tf.constant(60), drawn(proposals, 6))
    changed = (moved != images).numpy()
    assert np.all(changed.sum((1, 2)) == 4 * 4)  # round(sqrt(0.8 / 4 * 64)) = 4
    colours = np.round((moved - images).numpy() / radii, 3)
    for image in range(6):
        for channel in range(2):
            rows, columns = np.nonzero(changed[image, ..., channel])
            assert np.ptp(rows) == np.ptp(columns) == 3
            found = colours[image, ..., channel][changed[image, ..., channel]]
            assert len(set(found)) == 1 and abs(found[0]) == 1


def test_l2_proposals_keep_to_the_sphere_and_change_two_windows():
    images = 0.1 * draw_colours(6)
    epsilon = tf.fill([6], 1.5)
    region = balls.ball("l2", epsilon)
    proposals = l2_proposals(region, images, 3000)
    begun = proposals.first(SEED)
    np.testing.assert_allclose(region.distance(begun, images), epsilon, rtol=1e-5)
    for index in (0, 20, 2500):
        moved = proposals.next(begun, tf.constant(index), drawn(proposals, 6))
        np.testing.assert_allclose(region.distance(moved, images), epsilon, rtol=1e-5)
    # Windows of side 3 change; the rest keeps its direction and, here, its length.
    changed = np.abs((moved - begun).numpy()).max(-1) > 1e-5
    assert np.all(changed.sum((1, 2)) <= 18) and np.all(changed.sum((1, 2)) >= 9)


def test_corners_of_windows_reach_every_place():
    images = tf.zeros([400, 5, 5, 1])
    proposals = linf_proposals(balls.ball("linf", tf.ones([400])), images, 1000)
    # A window of one pixel.
    moved = proposals.next(images, tf.constant(900), drawn(proposals, 400))
    share = np.mean((moved != images).numpy(), 0)[..., 0]
    assert share.min() > 0.01 and share.max() < 0.09
