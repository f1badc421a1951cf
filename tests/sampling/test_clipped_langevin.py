"""The clipped step: by hand, against the plain one, and its law of many steps."""

import numpy as np
import pytest
import tensorflow as tf

from ebm_tf.config.parts import ClippedLangevin
from ebm_tf.energies import gaussian
from ebm_tf.kernels import iterate
from ebm_tf.protocols import SamplingState
from ebm_tf.sampling.initialization import started
from ebm_tf.sampling.langevin import clipped_langevin, langevin, sampler
from ebm_tf.sampling.potentials import langevin_kernel
from tests.config.test_settings import experiment

SEED = tf.constant([3, 1])
BOWL = gaussian(1.0)
BOUND = 1.2


def bounded(*, drift, noise):
    return clipped_langevin(
        BOWL, drift=drift, noise=noise, max_gradient=0.8, image_bound=BOUND
    )


def images_of(n, dtype=tf.float32):
    return tf.random.stateless_normal([n, 2, 2, 1], [1, 2], dtype=dtype)


def of_pixels(*pixels):
    return tf.constant(pixels)[None, None, :, None]


def assert_same(first, second):
    tf.nest.map_structure(np.testing.assert_array_equal, first, second)


def test_a_step_by_hand():
    """Gradients are the pixels, of which those above 1 are clipped."""
    kernel = clipped_langevin(
        BOWL, drift=0.5, noise=0.0, max_gradient=1.0, image_bound=1.5
    )
    state, info = kernel.step(SamplingState(of_pixels(0.5, -3.0, 1.8, -1.8)), SEED)
    moved = np.ravel(state.images)
    np.testing.assert_allclose(moved, [0.25, -1.5, 1.3, -1.3], rtol=1e-6)
    np.testing.assert_allclose(info.drift_norm, [0.5 * 3.25**0.5], rtol=1e-6)
    np.testing.assert_allclose(info.energy, [0.5 * (0.25 + 9 + 2 * 1.8**2)], rtol=1e-6)


def test_noise_is_kept_within_the_bound_too():
    kernel = clipped_langevin(
        BOWL,
        drift=0.1,
        noise=1.0,
        image_bound=0.4,
        draw=lambda shape, _: tf.ones(shape),
    )
    state, _ = kernel.step(SamplingState(of_pixels(0.3, -2.0)), SEED)
    np.testing.assert_allclose(np.ravel(state.images), [0.4, -0.4], rtol=1e-6)


@pytest.mark.parametrize("max_drift", [None, 0.02])
def test_without_bounds_it_is_the_langevin_step_bit_for_bit(max_drift):
    clipped, plain = (
        iterate(kernel, *kernel.init(images_of(4)), 6, SEED)
        for kernel in (
            make(BOWL, drift=0.05, noise=0.2, max_drift=max_drift)
            for make in (clipped_langevin, langevin)
        )
    )
    assert_same(clipped, plain)


def test_bounds_that_are_never_reached_change_no_bit():
    wide = clipped_langevin(
        BOWL, drift=0.05, noise=0.2, max_gradient=50.0, image_bound=50.0
    )
    clipped, plain = (
        iterate(kernel, *kernel.init(images_of(4)), 6, SEED)
        for kernel in (wide, langevin(BOWL, drift=0.05, noise=0.2))
    )
    assert_same(clipped, plain)


@pytest.mark.parametrize("num_steps", [1, 2, 5, 17])
@pytest.mark.parametrize("max_gradient", [None, 1.0, 0.1])
def test_steps_of_a_steady_gradient_are_one_long_step(num_steps, max_gradient):
    """The inner steps of JEM++: its first layer is linear (clamp algebra)."""
    slopes = 3.0 * tf.random.stateless_normal([2, 2, 1], [5, 6], dtype=tf.float64)
    images = tf.random.stateless_uniform([50, 2, 2, 1], SEED, -1, 1, dtype=tf.float64)

    def slope(images):
        return tf.reduce_sum(slopes * images, [1, 2, 3])

    def kernel(drift):
        return clipped_langevin(
            slope, drift=drift, noise=0.0, max_gradient=max_gradient, image_bound=1.0
        )

    state = SamplingState(images)
    for _ in range(num_steps):
        state, _ = kernel(0.2).step(state, SEED)
    once, _ = kernel(0.2 * num_steps).step(SamplingState(images), SEED)
    np.testing.assert_allclose(state.images, once.images, rtol=0, atol=1e-12)
    inside = np.abs(once.images) < 1.0
    assert 0.02 < inside.mean() if num_steps == 1 else not inside.all()


def test_a_chain_in_pieces_is_the_same_chain():
    kernel = bounded(drift=0.05, noise=0.4)
    sample = sampler(lambda _: kernel, jit=False)
    chains = started(images_of(3))
    whole = sample(chains, 10, SEED)
    half, _ = sample(chains, 4, SEED)
    assert_same(sample(half, 6, SEED, start=4), whole)
    assert np.max(np.abs(whole[0].images)) == np.float32(BOUND)


def test_compiled_by_xla_it_is_the_same_descent():
    kernel = bounded(drift=0.3, noise=0.0)
    plain, compiled = (
        sampler(lambda _: kernel, jit=jit)(started(images_of(4)), 5, SEED)[0].images
        for jit in (False, True)
    )
    np.testing.assert_allclose(plain, compiled, rtol=1e-6)


@pytest.mark.parametrize("jit", [False, True])
def test_a_nan_stays_a_nan_and_in_its_chain(jit):
    """A bound must not make a number of it, by which nobody would notice."""
    kernel = bounded(drift=0.1, noise=0.2)
    sample = sampler(lambda _: kernel, jit=jit)
    images = images_of(3).numpy()
    whole, _ = sample(started(tf.constant(images)), 4, SEED)
    images[1, 0, 0, 0] = np.nan
    moved, info = sample(started(tf.constant(images)), 4, SEED)
    np.testing.assert_array_equal(
        np.array(moved.images)[[0, 2]], np.array(whole.images)[[0, 2]]
    )
    assert np.isnan(moved.images[1, 0, 0, 0])
    assert np.isnan(info.drift_norm).tolist() == [False, True, False]


def test_the_settings_choose_it():
    settings = ClippedLangevin(
        noise=0.3, drift=0.2, max_gradient=0.8, image_bound=BOUND
    )
    kernel = langevin_kernel(experiment(langevin=settings), BOWL)
    ours = bounded(drift=0.2, noise=0.3)
    state = SamplingState(images_of(4))
    assert_same(kernel.step(state, SEED), ours.step(state, SEED))
    quiet = langevin_kernel(experiment(langevin=settings), BOWL, denoising=True)
    ours = bounded(drift=0.2, noise=0.0)
    assert_same(quiet.step(state, SEED), ours.step(state, SEED))
