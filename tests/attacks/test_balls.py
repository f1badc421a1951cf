"""Balls: inside always, the nearest image, steps of their length, uniform starts."""

import numpy as np
import pytest
import tensorflow as tf

from ebm_tf.attacks.balls import around, ball, per_image
from ebm_tf.config.attacks import Ball

SEED = tf.constant([1, 2])
NORMS = ["linf", "l2"]
SLACK = 1e-6  # float32


def norm_of(norm, differences):
    flat = np.abs(np.reshape(differences, [len(differences), -1]))
    return flat.max(1) if norm == "linf" else np.sqrt(np.square(flat).sum(1))


def random_case(key, n=20):
    """Centers (some pixels at the bounds), far images, radii from 0 to 3."""
    rng = np.random.default_rng(key)
    centers = np.clip(rng.uniform(-1.5, 1.5, [n, 5, 4, 3]), -1, 1).astype(np.float32)
    spread = rng.choice([1e-3, 0.3, 10.0, 1e4], [n, 1, 1, 1])
    images = (centers + spread * rng.normal(size=centers.shape)).astype(np.float32)
    epsilon = rng.choice([0.0, 1e-3, 0.06, 1.0, 3.0], n).astype(np.float32)
    return tf.constant(centers), tf.constant(images), tf.constant(epsilon)


def assert_inside(norm, images, centers, epsilon):
    assert np.abs(images).max() <= 1.0
    assert np.all(norm_of(norm, images - centers) <= epsilon + SLACK)
    zero = np.array(epsilon) == 0
    np.testing.assert_array_equal(np.array(images)[zero], np.array(centers)[zero])


@pytest.mark.parametrize("norm", NORMS)
def test_everything_ends_inside_the_ball_and_the_box(norm):
    for key in range(20):
        centers, images, epsilon = random_case(key)
        region = ball(norm, epsilon)
        projected = region.project(images, centers)
        assert_inside(norm, projected, centers, epsilon)
        started = region.random_start(centers, SEED + key)
        assert_inside(norm, started, centers, epsilon)
        started = region.surface_start(centers, SEED + key)
        assert_inside(norm, started, centers, epsilon)
        moved = region.ascend(projected, images, 0.3 * epsilon)
        assert_inside(norm, region.project(moved, centers), centers, epsilon)


@pytest.mark.parametrize("norm", NORMS)
def test_images_inside_stay_bit_for_bit(norm):
    for key in range(5):
        centers, _, epsilon = random_case(key)
        noise = np.random.default_rng(key).uniform(-1, 1, centers.shape)
        lengths = per_image(epsilon) / norm_of(norm, noise)[:, None, None, None]
        images = np.clip(centers + 0.99 * noise * lengths, -1, 1).astype(np.float32)
        projected = ball(norm, epsilon).project(tf.constant(images), centers)
        np.testing.assert_array_equal(projected, images)


def test_linf_projection_is_the_nearest_image():
    centers, images, epsilon = random_case(3)
    radius = per_image(epsilon)
    low, high = np.maximum(centers - radius, -1), np.minimum(centers + radius, 1)
    nearest = np.clip(images, low, high)
    np.testing.assert_array_equal(
        ball("linf", epsilon).project(images, centers), nearest
    )


def test_l2_projection_scales_the_difference():
    centers = tf.zeros([2, 1, 2, 1])
    images = tf.constant([[3.0, 4.0], [0.3, 0.4]])[:, None, :, None]
    projected = ball("l2", tf.constant([1.0, 1.0])).project(images, centers)
    np.testing.assert_allclose(projected[0, 0, :, 0], [0.6, 0.8], rtol=1e-6)
    np.testing.assert_array_equal(projected[1], images[1])


@pytest.mark.parametrize("norm", NORMS)
def test_distances_are_those_of_numpy(norm):
    centers, images, epsilon = random_case(5)
    distance = ball(norm, epsilon).distance(images, centers)
    np.testing.assert_allclose(
        distance, norm_of(norm, np.array(images) - np.array(centers)), rtol=1e-5
    )


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("size", [1e-30, 1.0, 1e30])
def test_a_step_has_its_length_whatever_the_size_of_the_gradient(norm, size):
    gradient = size * tf.random.stateless_normal([3, 4, 4, 2], SEED)
    steps = tf.constant([0.5, 0.25, 0.0])
    images = tf.zeros([3, 4, 4, 2])
    region = ball(norm, tf.ones([3]))
    moved = region.ascend(images, gradient, steps)
    np.testing.assert_allclose(norm_of(norm, moved), steps, rtol=1e-5)
    assert np.all(moved[:2] * tf.sign(gradient[:2]) > 0)
    one = region.ascend(images, gradient, 0.5)
    np.testing.assert_array_equal(one[0], moved[0])


@pytest.mark.parametrize("norm", NORMS)
def test_without_a_range_only_the_ball_counts(norm):
    centers = 3.0 * tf.random.stateless_normal([5, 3, 3, 1], SEED)
    images = centers + tf.random.stateless_normal([5, 3, 3, 1], SEED + 1)
    region = around(Ball(norm=norm, in_range=False), tf.fill([5], 0.2))
    projected = region.project(images, centers)
    np.testing.assert_allclose(norm_of(norm, projected - centers), 0.2, rtol=1e-4)
    assert np.abs(projected).max() > 1.0
    start = region.random_start(centers, SEED)
    assert np.all(norm_of(norm, start - centers) <= 0.2 + 1e-6)


@pytest.mark.parametrize("norm", NORMS)
def test_a_zero_gradient_moves_nothing(norm):
    images = tf.random.stateless_uniform([2, 3, 3, 1], SEED)
    gradient = tf.concat([tf.zeros([1, 3, 3, 1]), tf.ones([1, 3, 3, 1])], 0)
    moved = ball(norm, tf.ones([2])).ascend(images, gradient, 0.1)
    np.testing.assert_array_equal(moved[0], images[0])
    assert np.all(moved[1] > images[1])


def test_linf_starts_are_uniform():
    epsilon = tf.fill([4000], 0.5)
    started = ball("linf", epsilon).random_start(tf.zeros([4000, 2, 2, 1]), SEED)
    values = np.sort(np.ravel(started))
    uniform = np.linspace(-0.5, 0.5, len(values))
    assert np.abs(values - uniform).max() < 0.5 * 3 / np.sqrt(len(values))


def test_l2_starts_are_uniform_in_the_volume():
    epsilon = tf.fill([4000], 0.5)
    started = ball("l2", epsilon).random_start(tf.zeros([4000, 2, 2, 1]), SEED)
    flat = np.reshape(started, [4000, 4])
    volumes = np.sort((np.linalg.norm(flat, axis=1) / 0.5) ** 4)
    assert np.abs(volumes - np.linspace(0, 1, 4000)).max() < 2 / np.sqrt(4000)
    # E[x x^T] of a uniform ball of radius r in d dimensions is r^2 / (d + 2).
    np.testing.assert_allclose(flat.T @ flat / 4000, np.eye(4) * 0.25 / 6, atol=3e-3)


@pytest.mark.parametrize("norm", NORMS)
def test_starts_at_the_surface_are_on_it_in_all_directions(norm):
    n, epsilon = 4000, 0.5
    region = ball(norm, tf.fill([n], epsilon))
    started = region.surface_start(tf.zeros([n, 2, 2, 1]), SEED)
    np.testing.assert_allclose(norm_of(norm, started), epsilon, rtol=1e-6)
    flat = np.reshape(started, [n, 4]) / epsilon
    if norm == "l2":  # E[x x^T] of a unit sphere in d dimensions is 1 / d.
        np.testing.assert_allclose(flat.T @ flat / n, np.eye(4) / 4, atol=0.02)
    else:  # One of d at the surface, the others uniform: (1 + (d - 1) / 3) / d.
        np.testing.assert_allclose(flat.T @ flat / n, np.eye(4) / 2, atol=0.03)


@pytest.mark.parametrize("norm", NORMS)
def test_starts_of_equal_keys_are_equal_and_of_others_are_not(norm):
    centers = tf.zeros([3, 4, 4, 1])
    region = ball(norm, tf.fill([3], 0.1))
    started = region.random_start(centers, SEED)
    np.testing.assert_array_equal(region.random_start(centers, SEED), started)
    assert np.all(region.random_start(centers, SEED + 1) != started)
    assert np.all(started[0] != started[1])
