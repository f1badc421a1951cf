"""Purification: exact moments, noise that belongs to an image, exact gradients."""

import numpy as np
import pytest
import tensorflow as tf

from ebm_tf import energies, keyed_noise
from ebm_tf.defenses.purification import purification, purification_gradient
from ebm_tf.sampling.langevin import langevin, momentum_langevin

SHAPE = (4, 4, 1)
NOISE, STDDEV = 0.2, 0.5


def quadratic(draw):
    energy = energies.gaussian(STDDEV)
    return langevin(energy, drift=NOISE**2 / 2, noise=NOISE, draw=draw)


def curved(images: tf.Tensor) -> tf.Tensor:
    """An energy whose Hessian changes from place to place and couples pixels."""
    sums = tf.reduce_sum(tf.sin(3.0 * images), [1, 2, 3])
    return tf.reduce_sum(tf.cos(2.0 * images), [1, 2, 3]) + 0.3 * tf.square(sums)


def crooked(draw):
    return langevin(curved, drift=0.05, noise=NOISE, draw=draw, max_drift=0.8)


def crooked_momentum(draw):
    return momentum_langevin(
        curved, drift=0.02, noise=NOISE, momentum=0.7, draw=draw, max_drift=0.8
    )


def seeds_of(n: int) -> tf.Tensor:
    return keyed_noise.fold_in(tf.constant([3, 4]), tf.range(n))


def images_of(n: int) -> tf.Tensor:
    return tf.random.stateless_uniform([n, *SHAPE], [1, 2], -1.0, 1.0)


def test_moments_of_a_gaussian_energy():
    """x' = (1 - a) x + eps z: the mean and variance after n steps are known."""
    num_steps, a = 20, NOISE**2 / (2 * STDDEV**2)
    images = tf.ones([2000, *SHAPE])
    purified = purification(quadratic, num_steps)(images, seeds_of(2000)).numpy()
    shrunk = (1 - a) ** num_steps
    variance = NOISE**2 * (1 - shrunk**2) / (1 - (1 - a) ** 2)
    assert purified.mean() == pytest.approx(shrunk, abs=4e-3)
    assert purified.var() == pytest.approx(variance, rel=0.02)


def test_no_steps_leave_images_as_they_are():
    images = images_of(3)
    np.testing.assert_array_equal(
        purification(quadratic, 0)(images, seeds_of(3)), images
    )
    gradient = purification_gradient(quadratic, 0)
    np.testing.assert_array_equal(
        gradient(images, seeds_of(3), lambda purified: 2.0 * purified), 2.0 * images
    )


def test_an_image_has_the_same_noise_wherever_it_is():
    images, seeds = images_of(6), seeds_of(6)
    purify = purification(crooked, 5)
    together, order = purify(images, seeds).numpy(), [5, 0, 3]
    apart = purify(tf.gather(images, order), tf.gather(seeds, order))
    np.testing.assert_allclose(apart, together[order], rtol=1e-5, atol=1e-6)
    same = purify(tf.repeat(images[:1], 6, axis=0), seeds).numpy()
    assert len({image.tobytes() for image in same}) == 6


def test_a_shorter_chain_is_the_beginning_of_a_longer_one():
    """What an attack through a shortened chain knows of fixed noise."""
    images, seeds = images_of(2), seeds_of(2)
    states = []

    def recording(draw):
        kernel = quadratic(draw)

        def step(state, key):
            moved, info = kernel.step(state, key)
            states.append(moved.images)
            return moved, info

        return kernel._replace(step=step)

    short = purification(recording, 2)(images, seeds)
    after_two = states[-1]
    np.testing.assert_array_equal(short, after_two)
    del states[:]
    purification(recording, 4)(images, seeds)
    np.testing.assert_array_equal(states[1], after_two)


@pytest.mark.parametrize("kernel", [quadratic, crooked, crooked_momentum])
@pytest.mark.parametrize("num_steps", [1, 6])
def test_the_gradient_through_a_chain_is_that_of_finite_differences(kernel, num_steps):
    images, seeds = images_of(3), seeds_of(3)
    weights = tf.random.stateless_normal(images.shape, [5, 6])
    purify = purification(kernel, num_steps)

    def number(images):
        return tf.reduce_sum(weights * tf.sin(purify(images, seeds)), [1, 2, 3])

    gradient = purification_gradient(kernel, num_steps)(
        images, seeds, lambda purified: weights * tf.cos(purified)
    )
    direction = tf.random.stateless_normal(images.shape, [7, 8])
    step = 2e-3
    slope = (number(images + step * direction) - number(images - step * direction)) / (
        2 * step
    )
    expected = tf.reduce_sum(gradient * direction, [1, 2, 3])
    np.testing.assert_allclose(slope, expected, rtol=0.01, atol=0.01)


def test_the_gradient_of_a_gaussian_chain_is_known():
    num_steps, a = 30, NOISE**2 / (2 * STDDEV**2)
    images = images_of(2)
    gradient = purification_gradient(quadratic, num_steps)(
        images, seeds_of(2), tf.ones_like
    )
    np.testing.assert_allclose(
        gradient, np.full(images.shape, (1 - a) ** 30), rtol=1e-4
    )


@pytest.mark.parametrize("kernel", [crooked, crooked_momentum])
def test_pulling_back_is_what_a_tape_over_all_steps_says(kernel):
    images, seeds, num_steps = images_of(2), seeds_of(2), 4
    purify = purification(kernel, num_steps)
    with tf.GradientTape() as tape:
        tape.watch(images)
        total = tf.reduce_sum(purify(images, seeds))
    expected = tape.gradient(total, images)
    found = purification_gradient(kernel, num_steps)(images, seeds, tf.ones_like)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_xla_compiles_chain_and_gradient():
    images, seeds = images_of(3), seeds_of(3)

    def both(images, seeds):
        purified = purification(crooked, 3)(images, seeds)
        gradient = purification_gradient(crooked, 3)(images, seeds, tf.identity)
        return purified, gradient

    compiled = tf.function(both, jit_compile=True, autograph=False)
    for found, expected in zip(
        compiled(images, seeds), both(images, seeds), strict=True
    ):
        np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("num_steps", [0, 3])
def test_chains_begin_at_noise_of_their_image(num_steps):
    """X' = (1 - a) x + eps z: noise at the start is shrunk as the image is."""
    images, seeds, shrunk = images_of(500), seeds_of(500), 1 - NOISE**2 / STDDEV**2 / 2
    plain = purification(quadratic, num_steps)(images, seeds)
    noisy = purification(quadratic, num_steps, start_noise=0.3)(images, seeds)
    added = (noisy - plain).numpy() / shrunk**num_steps
    assert added.mean() == pytest.approx(0.0, abs=0.012)
    assert added.std() == pytest.approx(0.3, rel=0.03)
    covariance = np.cov(added.reshape(500, -1).T) / 0.09
    np.testing.assert_allclose(covariance, np.eye(16), atol=0.25)


def test_noise_at_the_start_is_of_the_key_alone():
    images, seeds = images_of(6), seeds_of(6)
    purify = purification(crooked, 0, start_noise=0.3)
    together, order = purify(images, seeds).numpy(), [5, 0, 3]
    apart = purify(tf.gather(images, order), tf.gather(seeds, order))
    np.testing.assert_array_equal(apart, together[order])
    added = (together - images).numpy().reshape(6, -1)
    similar = np.abs(np.corrcoef(added) - np.eye(6))
    assert similar.max() < 0.8


def test_noise_at_the_start_and_of_the_steps_are_not_one():
    """A step without drift adds noise of its own."""

    def walk(draw):
        return langevin(energies.gaussian(1e6), drift=1e-9, noise=NOISE, draw=draw)

    images, seeds = tf.zeros([2000, *SHAPE]), seeds_of(2000)
    moved = purification(walk, 1, start_noise=NOISE)(images, seeds).numpy()
    assert moved.var() == pytest.approx(2 * NOISE**2, rel=0.03)


@pytest.mark.parametrize("num_steps", [0, 4])
def test_the_gradient_passes_noise_at_the_start(num_steps):
    images, seeds = images_of(2), seeds_of(2)
    purify = purification(crooked, num_steps, start_noise=0.3)
    with tf.GradientTape() as tape:
        tape.watch(images)
        total = tf.reduce_sum(tf.sin(purify(images, seeds)))
    expected = tape.gradient(total, images)
    gradient = purification_gradient(crooked, num_steps, start_noise=0.3)
    found = gradient(images, seeds, tf.cos)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)
