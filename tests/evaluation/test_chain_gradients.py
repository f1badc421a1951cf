"""A chain of a piecewise linear energy is the identity to a gradient."""

import numpy as np
import pytest
import tensorflow as tf

from ebm_tf import energies, keyed_noise
from ebm_tf.config.parts import Network
from ebm_tf.defenses.purification import purification, purification_gradient
from ebm_tf.evaluation.chain_gradients import NO_TURN, sine, turns
from ebm_tf.models.catalogue import build
from ebm_tf.models.smoothing import smoothed
from ebm_tf.sampling.langevin import langevin

NUM, NUM_STEPS, NOISE = 2, 2, 0.05
IMAGES = tf.random.stateless_uniform([NUM, 8, 8, 1], [1, 2], -1.0, 1.0)
KEYS = keyed_noise.fold_in(tf.constant([3, 4]), tf.range(NUM))
WAY = tf.random.stateless_normal(IMAGES.shape, [5, 6])


def kernel_of(model, temperature=2e-3):
    energy = energies.tempered(energies.network(model), temperature)
    return lambda draw: langevin(energy, drift=NOISE**2 / 2, noise=NOISE, draw=draw)


def network(activation):
    return build(Network(width=6, activation=activation), 8, 1, "float32")


@pytest.mark.parametrize("activation", ["relu", "leaky_relu"])
def test_through_rectifiers_the_gradient_passes_unchanged(activation):
    kernel = kernel_of(network(activation))
    gradient = purification_gradient(kernel, NUM_STEPS)
    found = gradient(IMAGES, KEYS, lambda _: WAY)
    np.testing.assert_array_equal(found, WAY)
    moved = purification(kernel, NUM_STEPS)(IMAGES, KEYS)
    assert np.abs(moved - IMAGES).max() > 0.03  # although the chain does move
    turn = turns(lambda function: function, gradient)(IMAGES, KEYS)
    assert np.all(turn < NO_TURN)


@pytest.mark.parametrize("sharpness", [5.0, 50.0])
def test_a_bent_network_turns_it_at_the_states_of_the_real_one(sharpness):
    real = network("relu")
    bent = smoothed(real, sharpness)
    assert bent is not None
    seen = []
    gradient = purification_gradient(kernel_of(real), NUM_STEPS, back=kernel_of(bent))
    found = gradient(IMAGES, KEYS, lambda moved: seen.append(moved) or WAY)
    expected = purification(kernel_of(real), NUM_STEPS)(IMAGES, KEYS)
    np.testing.assert_array_equal(seen[0], expected)
    assert (sine(found, WAY) > 10 * NO_TURN).numpy().all()


def test_a_smooth_energy_turns_it_as_an_unrolled_tape_says():
    kernel = kernel_of(network("silu"))
    with tf.GradientTape() as tape:
        tape.watch(IMAGES)
        moved = purification(kernel, NUM_STEPS)(IMAGES, KEYS)
        number = tf.reduce_sum(WAY * moved)
    gradient = purification_gradient(kernel, NUM_STEPS)
    found = gradient(IMAGES, KEYS, lambda _: WAY)
    np.testing.assert_allclose(
        found, tape.gradient(number, IMAGES), rtol=1e-4, atol=1e-5
    )
    assert np.all(turns(lambda f: f, gradient)(IMAGES, KEYS) > NO_TURN)


def test_a_bowl_shortens_gradients_and_turns_none():
    """Golden: E = |x|^2 / 2, T = .01, e = .1 halves at each step; 10 of them 2^-10."""
    energy = energies.tempered(energies.gaussian(1.0), 0.01)
    gradient = purification_gradient(
        lambda draw: langevin(energy, drift=5e-3, noise=0.1, draw=draw), 10
    )
    found = gradient(IMAGES, KEYS, lambda _: WAY)
    np.testing.assert_allclose(found, 9.765625e-4 * WAY, rtol=1e-5)
    assert np.all(turns(lambda f: f, gradient)(IMAGES, KEYS) < NO_TURN)


def test_golden_sines():
    first = tf.constant([1.0, 0, 2, 0], shape=[2, 2, 1, 1])
    second = tf.constant([1.0, 1, 5, 0], shape=[2, 2, 1, 1])
    np.testing.assert_allclose(sine(first, second), [0.5**0.5, 0.0], atol=1e-6)
    small = tf.constant([1.0, 1e-5], shape=[1, 2, 1, 1])
    np.testing.assert_allclose(sine(small, first[:1]), [1e-5], rtol=1e-3)
    np.testing.assert_array_equal(sine(tf.zeros_like(small), small), [0.0])
