"""Energy descent: lengths, bounds, the way down, and the exact gradient through it."""

import numpy as np
import pytest
import tensorflow as tf

from ebm_tf.defenses.purification import purification, purification_gradient
from ebm_tf.sampling.descent import energy_descent

SHAPE = (4, 4, 1)
SEEDS = tf.zeros([3, 2], tf.int32)


def curved(images):
    sums = tf.reduce_sum(tf.sin(3.0 * images), [1, 2, 3])
    return tf.reduce_sum(tf.cos(2.0 * images), [1, 2, 3]) + 0.3 * tf.square(sums)


def images_of(most=0.4):
    return tf.random.stateless_uniform([3, *SHAPE], [1, 2], -most, most)


def descent(num_steps, *, step=0.3, radius=10.0, energy=curved):
    kernel = energy_descent(energy, step=step, radius=radius)
    return purification(lambda draw: kernel, num_steps)


def lengths(ways):
    return np.sqrt(np.square(ways).sum((1, 2, 3)))


def test_a_step_has_its_length_whatever_the_scale_of_the_energy():
    images = images_of()
    moved = descent(1)(images, SEEDS)
    np.testing.assert_allclose(lengths(moved - images), 0.3, rtol=1e-5)
    steep = descent(1, energy=lambda x: 1e4 * curved(x))(images, SEEDS)
    np.testing.assert_allclose(steep, moved, atol=1e-5)
    assert (curved(moved) < curved(images)).numpy().all()


def test_golden_of_a_linear_energy():
    """E = 3 x_1 + 4 x_2: a step goes (-.6, -.8) of its length, the radius ends it."""
    slope = tf.reshape(tf.constant([3.0, 4.0] + [0.0] * 14), [1, *SHAPE])

    def linear(images):
        return tf.reduce_sum(slope * images, [1, 2, 3])

    for num_steps, far in ((1, 0.3), (2, 0.6), (3, 0.75), (9, 0.75)):
        moved = descent(num_steps, radius=0.75, energy=linear)(
            tf.zeros([3, *SHAPE]), SEEDS
        )
        np.testing.assert_allclose(
            moved, -far * slope / 5 + tf.zeros([3, *SHAPE]), atol=1e-6
        )


def test_images_stay_within_the_pixels_and_the_radius():
    images = images_of(most=1.0)
    moved = descent(8, step=1.0, radius=2.0)(images, SEEDS)
    assert np.abs(moved).max() <= 1.0
    assert lengths(moved - images).max() <= 2.0 + 1e-5


def test_where_the_energy_is_flat_nothing_moves():
    images = images_of()
    moved = descent(3, energy=lambda x: 0.0 * tf.reduce_sum(x, [1, 2, 3]))(
        images, SEEDS
    )
    np.testing.assert_array_equal(moved, images)


@pytest.mark.parametrize("radius", [10.0, 0.5])
def test_the_gradient_is_that_of_one_tape_over_all_steps(radius):
    """Within the radius and, where that shortens the way, through it too."""
    images, weights = images_of(), tf.random.stateless_normal([3, *SHAPE], [5, 6])
    kernel = energy_descent(curved, step=0.3, radius=radius)
    with tf.GradientTape() as tape:
        tape.watch(images)
        moved = purification(lambda draw: kernel, 3)(images, SEEDS)
        number = tf.reduce_sum(weights * tf.sin(moved))
    expected = tape.gradient(number, images)
    found = purification_gradient(lambda draw: kernel, 3)(
        images, SEEDS, lambda moved: weights * tf.cos(moved)
    )
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)
    assert np.abs(found - weights * tf.cos(moved)).max() > 0.1  # not BPDA's
