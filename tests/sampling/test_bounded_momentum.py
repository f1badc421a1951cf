"""The sampler of Mirza et al. (2024), the rule of Heun, and images that stop."""

import numpy as np
import pytest
import tensorflow as tf

from ebm_tf.config.parts import HeunLangevin, MomentumLangevin
from ebm_tf.energies import gaussian, joint_energy
from ebm_tf.errors import ConfigError
from ebm_tf.kernels import iterate
from ebm_tf.sampling.langevin import heun_langevin, momentum_langevin, stopping

SEED = tf.constant([3, 1])
BOWL = gaussian(1.0)
WEIGHTS = np.random.default_rng(1).normal(size=[4, 3]).astype(np.float32)
LABELS = tf.constant([0, 2])
IMAGES = tf.random.stateless_uniform([2, 2, 2, 1], SEED, -0.9, 0.9)


def class_energy(images):
    vectors = tf.tanh(tf.reshape(images, [-1, 4]))
    return joint_energy(tf.matmul(vectors, WEIGHTS), LABELS)


def run(kernel, num_steps, images=IMAGES):
    state, info = kernel.init(images)
    return iterate(kernel, state, info, num_steps, SEED)


def published(images, *, eta, zeta, num_steps, bound):
    """nu <- zeta nu - eta / 2 dL/dx, x <- clip(x + clip(nu)), of pixels in [0, 1]."""
    unit, velocity = (images + 1) / 2, tf.zeros_like(images)
    for _ in range(num_steps):
        with tf.GradientTape() as tape:
            tape.watch(unit)
            loss = tf.reduce_sum(class_energy(2 * unit - 1))
        velocity = zeta * velocity - eta / 2 * tape.gradient(loss, unit)
        unit = tf.clip_by_value(unit + tf.clip_by_value(velocity, -bound, bound), 0, 1)
    return 2 * unit - 1


@pytest.mark.parametrize("zeta, bound", [(0.0, 9.0), (0.8, 9.0), (0.8, 0.05)])
@pytest.mark.parametrize("num_steps", [1, 2, 7])
def test_it_is_the_published_sampler_in_its_own_units(zeta, bound, num_steps):
    eta = 0.3
    kernel = momentum_langevin(
        class_energy,
        drift=2 * eta,
        noise=0.0,
        momentum=zeta,
        max_step=2 * bound,
        image_bound=1.0,
    )
    expected = published(IMAGES, eta=eta, zeta=zeta, num_steps=num_steps, bound=bound)
    np.testing.assert_allclose(
        run(kernel, num_steps)[0].images, expected, rtol=0, atol=2e-6
    )


def test_bounds_that_nothing_reaches_change_nothing():
    free, wide = (
        momentum_langevin(
            BOWL, drift=0.05, noise=0.2, momentum=0.5, max_step=bound, image_bound=bound
        )
        for bound in (None, 1e6)
    )
    np.testing.assert_allclose(
        run(free, 6)[0].images, run(wide, 6)[0].images, rtol=0, atol=1e-6
    )


def test_neither_steps_nor_images_leave_their_bounds():
    kernel = momentum_langevin(
        BOWL, drift=0.5, noise=3.0, momentum=0.5, max_step=0.1, image_bound=0.4
    )
    inside = tf.clip_by_value(IMAGES, -0.4, 0.4)
    (after, _), (later, _) = (run(kernel, n, inside) for n in (5, 6))
    assert np.abs(later.images).max() <= 0.4
    way = np.abs(later.images - after.images)
    assert 0.05 < way.max() <= 0.1 + 1e-6


@pytest.mark.parametrize("drift", [0.1, 0.5])
def test_heun_has_the_growth_factor_of_second_order(drift):
    kernel = heun_langevin(BOWL, drift=drift, noise=0.0, momentum=0.0)
    factor = 1 - drift + drift**2 / 2
    np.testing.assert_allclose(run(kernel, 3)[0].images, factor**3 * IMAGES, rtol=1e-5)


def test_heun_descends_and_is_of_second_order():
    """Its distance from exp(-t) falls by four where steps are halved."""
    errors = []
    for num_steps in (8, 16, 32):
        kernel = heun_langevin(BOWL, drift=1 / num_steps, noise=0.0, momentum=0.0)
        found = run(kernel, num_steps)[0].images / IMAGES
        errors.append(float(np.abs(found - np.exp(-1)).max()))
    assert errors[0] / errors[1] == pytest.approx(4, rel=0.15)
    assert errors[1] / errors[2] == pytest.approx(4, rel=0.15)


@pytest.mark.parametrize("make", [momentum_langevin, heun_langevin])
def test_a_chain_in_segments_is_the_same_chain(make):
    kernel = make(
        BOWL, drift=0.05, noise=0.2, momentum=0.7, max_step=0.3, image_bound=1.0
    )
    whole, _ = run(kernel, 7)
    state, info = run(kernel, 3)
    state, _ = iterate(kernel, state, info, 4, SEED, start=3)
    tf.nest.map_structure(np.testing.assert_array_equal, state, whole)


def test_an_image_stops_for_good_and_the_others_go_on():
    free = momentum_langevin(BOWL, drift=0.1, noise=0.05, momentum=0.5)

    def first_is_final(images):
        del images
        return tf.constant([True, False])

    kernel = stopping(free, first_is_final)
    state, info = run(kernel, 5)
    expected, _ = run(free, 5)
    np.testing.assert_array_equal(state.images[0], IMAGES[0])
    np.testing.assert_array_equal(state.images[1], expected.images[1])
    assert state.carry[1].numpy().tolist() == [True, False]
    assert info.drift_norm[0] == 0 < info.drift_norm[1]


def test_an_image_stops_once_it_was_final():
    """What moves it out of the region again is not asked."""
    kernel = stopping(
        momentum_langevin(BOWL, drift=0.2, noise=0.0, momentum=0.0),
        lambda images: tf.reduce_max(tf.abs(images), [1, 2, 3]) < 0.5,
    )
    state, _ = run(kernel, 30)
    largest = np.abs(state.images).max((1, 2, 3))
    before = np.abs(IMAGES).max((1, 2, 3))
    steps = np.ceil(np.log(0.5 / before) / np.log(0.8)).clip(0)
    np.testing.assert_allclose(largest, before * 0.8**steps, rtol=1e-5)


@pytest.mark.parametrize("kind", [MomentumLangevin, HeunLangevin])
@pytest.mark.parametrize("bound", ["max_step", "image_bound"])
def test_bounds_are_positive(kind, bound):
    with pytest.raises(ConfigError, match=rf"Expected {bound}=0.0 > 0"):
        kind(noise=0.1, momentum=0.5, **{bound: 0.0})
