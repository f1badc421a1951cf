"""Momentum: a carry that goes with its chain, and laws that are known in advance."""

import numpy as np
import pytest
import tensorflow as tf

from ebm_tf.config.chains import Persistent
from ebm_tf.energies import gaussian
from ebm_tf.kernels import iterate
from ebm_tf.sampling.chains import ChainState, chain_source, no_chains
from ebm_tf.sampling.initialization import started
from ebm_tf.sampling.langevin import langevin, momentum_langevin, sampler

SEED = tf.constant([3, 1])
MOMENTUM, DRIFT, NOISE = 0.8, 0.05, 0.2


BOWL = gaussian(1.0)


def kernel(energy=BOWL, *, noise=NOISE, momentum=MOMENTUM, max_drift=None):
    return momentum_langevin(
        energy, drift=DRIFT, noise=noise, momentum=momentum, max_drift=max_drift
    )


def begun(images):
    return started(images)._replace(carry=tf.zeros_like(images))


def images_of(n):
    return tf.random.stateless_normal([n, 2, 2, 1], [1, 2])


def assert_same(first, second):
    tf.nest.map_structure(np.testing.assert_array_equal, first, second)


@pytest.mark.parametrize("max_drift", [None, 0.02])
def test_without_momentum_it_is_the_langevin_step_bit_for_bit(max_drift):
    plain = langevin(BOWL, drift=DRIFT, noise=NOISE, max_drift=max_drift)
    (state, info), (expected, expected_info) = (
        iterate(step, *step.init(images_of(4)), 6, SEED)
        for step in (kernel(momentum=0.0, max_drift=max_drift), plain)
    )
    np.testing.assert_array_equal(state.images, expected.images)
    assert_same(info, expected_info)


def test_a_steady_gradient_moves_by_the_steady_gain():
    """Of a slope of 1, v_n = -drift (1 - momentum^n) / (1 - momentum)."""

    def slope(images):
        return tf.reduce_sum(images, [1, 2, 3])

    step = kernel(slope, noise=0.0)
    for num_steps in (1, 5, 200):
        state, info = iterate(step, *step.init(images_of(2)), num_steps, SEED)
        gain = (1 - MOMENTUM**num_steps) / (1 - MOMENTUM)
        velocities = np.full([2, 2, 2, 1], -DRIFT * gain)
        np.testing.assert_allclose(state.carry, velocities, rtol=1e-5)
        np.testing.assert_allclose(info.drift_norm, [2 * DRIFT * gain] * 2, rtol=1e-5)
    np.testing.assert_allclose(gain, 1 / (1 - MOMENTUM))


def test_stationary_variance_of_a_normal_density():
    """s' = A s + b z for s = (x, v); its covariance solves S = A S A' + b b'."""
    transition = np.array([[1 - DRIFT, MOMENTUM], [-DRIFT, MOMENTUM]])
    noise = np.diag([NOISE**2, 0.0])
    system = np.eye(4) - np.kron(transition, transition)
    expected = np.linalg.solve(system, noise.ravel()).reshape(2, 2)
    n = 100_000
    start = tf.zeros([50, n // 50, 1, 1])
    state, _ = iterate(kernel(), *kernel().init(start), 120, SEED)
    found = np.cov(np.ravel(state.images), np.ravel(state.carry))
    np.testing.assert_allclose(found, expected, rtol=0.03, atol=2e-4)


def test_a_chain_in_pieces_is_the_same_chain():
    sample = sampler(lambda _: kernel(max_drift=0.1), jit=False)
    chains = begun(images_of(3))
    whole = sample(chains, 10, SEED)
    half, _ = sample(chains, 4, SEED)
    assert_same(sample(half, 6, SEED, start=4), whole)
    forgetful = half._replace(carry=tf.zeros_like(half.images))
    assert np.all(sample(forgetful, 6, SEED, start=4)[0].images != whole[0].images)


def test_a_chain_of_a_replay_buffer_keeps_its_velocity_from_visit_to_visit():
    """Without noise the order in which chains are drawn is nothing to them."""
    n, step = 8, kernel(noise=0.0)
    sample = sampler(lambda _: step, jit=False)
    source = chain_source(Persistent(start="noise", bank_size=n, num_steps=3))
    bank = begun(images_of(n))

    def initialize(n, seed):
        del n, seed
        return bank

    state = ChainState(bank, tf.constant(0, tf.int64), no_chains())
    for visit in range(3):
        state = source(state, sample, initialize, n, SEED + visit).state
    whole, _ = sample(bank, 9, SEED)
    assert_same(state.bank, whole._replace(ages=state.bank.ages))


def test_a_chain_that_is_begun_again_is_at_rest():
    n, step = 8, kernel(noise=0.0)
    sample = sampler(lambda _: step, jit=False)
    settings = Persistent(start="noise", bank_size=n, num_steps=3, rejuvenation=1.0)
    fast = begun(images_of(n))._replace(carry=tf.ones([n, 2, 2, 1]))
    state = ChainState(fast, tf.constant(0, tf.int64), no_chains())
    fresh = begun(images_of(n) + 1.0)

    def initialize(n, seed):
        del n, seed
        return fresh

    advance = chain_source(settings)(state, sample, initialize, n, SEED)
    assert_same(advance.chains, sample(fresh, 3, SEED)[0])
