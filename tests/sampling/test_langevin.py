"""The Langevin step: golden values, descent without noise, robustness."""

import numpy as np
import pytest
import tensorflow as tf

from ebm_tf.energies import gaussian, tempered, total
from ebm_tf.kernels import iterate
from ebm_tf.protocols import SamplingState
from ebm_tf.sampling.initialization import started
from ebm_tf.sampling.langevin import langevin, sampler

SEED = tf.constant([3, 1])
POINT = tf.constant([1.0, -2.0])[None, None, None, :]


def prior(images):
    return 1.5 * tf.reduce_sum(images**2, [1, 2, 3])


def step_without_noise(energy, images, **settings):
    return one_step(langevin(energy, noise=0.0, **settings), images)


def one_step(kernel, images):
    state, info = kernel.step(SamplingState(images), SEED)
    return state.images, info


def sampled(kernel, images, num_steps, seed=SEED, *, jit=False):
    sample = sampler(lambda _: kernel, jit=jit)
    chains, info = sample(started(images), num_steps, seed)
    return chains.images, info


TEMPERED = tempered(gaussian(1.0), 0.5)
SUM = total(TEMPERED, tempered(prior, 2.0))
# With eps = 0.1 and tau = 0.5.
GOLDEN = {
    "tempered_and_gaussian": (TEMPERED, None, (0.97, -1.94), 0.0670820),
    "clipped": (TEMPERED, 0.01, (0.99552786, -1.99105573), 0.01),
    "loosely_clipped": (TEMPERED, 0.1, (0.97, -1.94), 0.0670820),
    "prior": (SUM, None, (0.9625, -1.925), 0.0838525),
    "prior_and_joint": (tempered(SUM, 1.25), None, (0.966, -1.932), 0.0760263),
}


@pytest.mark.parametrize("case", GOLDEN)
def test_one_step(case):
    energy, max_drift, expected, norm = GOLDEN[case]
    energy = total(energy, gaussian(0.5))
    moved, info = step_without_noise(energy, POINT, drift=0.005, max_drift=max_drift)
    np.testing.assert_allclose(moved[0, 0, 0], expected, rtol=1e-6)
    np.testing.assert_allclose(info.drift_norm, [norm], rtol=1e-5)
    np.testing.assert_allclose(info.energy, energy(POINT))


def test_each_image_is_clipped_by_itself():
    images = tf.constant([[6.0, 0.0], [0.0, -0.2]])[:, None, :, None]
    moved, info = step_without_noise(gaussian(1.0), images, drift=1.0, max_drift=1.0)
    np.testing.assert_allclose(info.drift_norm, [1.0, 0.2], rtol=1e-6)
    np.testing.assert_allclose(moved[:, 0, :, 0], [[5.0, 0.0], [0.0, 0.0]], atol=1e-6)


@pytest.mark.parametrize("max_drift", [None, 0.1])
def test_a_zero_gradient_moves_nothing(max_drift):
    images = tf.zeros([2, 3, 3, 1])
    moved, info = step_without_noise(
        gaussian(1.0), images, drift=1.0, max_drift=max_drift
    )
    np.testing.assert_array_equal(moved, images)
    np.testing.assert_array_equal(info.drift_norm, [0.0, 0.0])


def test_the_noise_has_its_deviation_and_comes_after_the_clip():
    images = tf.fill([4000, 2, 2, 1], 50.0)
    kernel = langevin(gaussian(1.0), drift=1.0, noise=0.3, max_drift=2.0)
    moved, info = one_step(kernel, images)
    noise = moved - 49.0  # a drift of 2 in four dimensions is 1 in each
    assert float(tf.reduce_mean(noise)) == pytest.approx(0.0, abs=5 * 0.3 / 126)
    assert float(tf.math.reduce_std(noise)) == pytest.approx(0.3, rel=5 / 178)
    np.testing.assert_allclose(info.drift_norm, [2.0] * 4000, rtol=1e-5)


def test_without_noise_it_is_gradient_descent():
    kernel = langevin(gaussian(1.0), drift=0.1, noise=0.0)
    images = tf.random.stateless_normal([2, 3, 3, 1], SEED)
    descended, info = sampled(kernel, images, 9)
    np.testing.assert_allclose(descended, 0.9**9 * images, rtol=1e-5)
    np.testing.assert_array_equal(sampled(kernel, images, 9, SEED + 1)[0], descended)
    before_last = 0.9**8 * images
    np.testing.assert_allclose(info.energy, gaussian(1.0)(before_last), rtol=1e-5)


def test_compiled_by_xla_it_is_the_same_descent():
    kernel = langevin(gaussian(1.0), drift=0.1, noise=0.0, max_drift=0.2)
    images = tf.random.stateless_normal([2, 3, 3, 1], SEED)
    plain, compiled = (sampled(kernel, images, 5, jit=jit)[0] for jit in (False, True))
    np.testing.assert_allclose(plain, compiled, rtol=1e-6)


def test_a_chain_in_pieces_is_the_same_chain():
    kernel = langevin(gaussian(1.0), drift=0.02, noise=0.2)
    images = tf.ones([2, 3, 3, 1])
    begun = kernel.init(images)
    whole = iterate(kernel, *begun, 10, SEED)[0].images
    half = iterate(kernel, *begun, 4, SEED)
    pieces = iterate(kernel, *half, 6, SEED, start=4)[0].images
    np.testing.assert_array_equal(pieces, whole)
    np.testing.assert_array_equal(sampled(kernel, images, 10)[0], whole)


def test_equal_keys_give_equal_bits_and_others_do_not():
    kernel = langevin(gaussian(1.0), drift=0.02, noise=0.2)
    images = tf.ones([2, 3, 3, 1])
    moved, _ = sampled(kernel, images, 3)
    np.testing.assert_array_equal(sampled(kernel, images, 3)[0], moved)
    assert np.all(sampled(kernel, images, 3, SEED + 1)[0] != moved)
    assert np.all(moved[0] != moved[1])


def test_a_nan_stays_in_its_chain():
    kernel = langevin(gaussian(1.0), drift=0.02, noise=0.2, max_drift=0.1)
    images = np.ones([3, 2, 2, 1], np.float32)
    whole, _ = sampled(kernel, tf.constant(images), 4)
    images[1, 0, 0, 0] = np.nan
    moved, info = sampled(kernel, tf.constant(images), 4)
    np.testing.assert_array_equal(np.array(moved)[[0, 2]], np.array(whole)[[0, 2]])
    assert np.isnan(info.drift_norm).tolist() == [False, True, False]


def test_images_keep_their_shape_and_float32():
    kernel = langevin(gaussian(1.0), drift=0.02, noise=0.2)
    images, info = sampled(kernel, tf.zeros([2, 4, 3, 1]), 0)
    assert images.shape == (2, 4, 3, 1) and images.dtype == tf.float32
    np.testing.assert_array_equal(info.energy, [0.0, 0.0])


def test_noise_of_one_key_is_what_is_drawn_unless_said_otherwise():
    images = tf.random.stateless_normal([3, 4, 4, 1], [1, 2])
    energy = gaussian(0.5)
    moved, _ = one_step(langevin(energy, drift=0.02, noise=0.2), images)
    descended, _ = step_without_noise(energy, images, drift=0.02)
    noise = tf.random.stateless_normal(tf.shape(images), SEED)
    np.testing.assert_array_equal(moved, descended + 0.2 * noise)
    seen = []

    def draw(shape, seed):
        seen.append((shape.numpy().tolist(), seed.numpy().tolist()))
        return tf.ones(shape)

    kernel = langevin(energy, drift=0.02, noise=0.2, draw=draw)
    shifted, _ = one_step(kernel, images)
    np.testing.assert_array_equal(shifted, descended + 0.2)
    assert seen == [([3, 4, 4, 1], SEED.numpy().tolist())]
