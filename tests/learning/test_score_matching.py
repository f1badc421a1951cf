"""Denoising score matching: what minimises it, and how its noise is drawn."""

import numpy as np
import pytest
import tensorflow as tf

from ebm_tf.learning.score_matching import denoising_loss, noise_levels
from tests.learning.small_networks import SEED

N, DIMENSIONS = 20_000, 4


def quadratic(stiffness: tf.Tensor):
    """V(x) = k |x|^2 / 2, the energy of a normal distribution of variance 1 / k."""
    return lambda images: 0.5 * stiffness * tf.reduce_sum(tf.square(images), 1)


@pytest.mark.parametrize("stddev", [0.1, 0.5])
def test_one_level_learns_the_density_of_noisy_data(stddev):
    """Of data N(0, 0.3^2) it is N(0, 0.3^2 + s^2): there the gradient vanishes."""
    images = 0.3 * tf.random.stateless_normal([N, DIMENSIONS], SEED)
    noise = tf.random.stateless_normal([N, DIMENSIONS], SEED + 1)

    def slope(stiffness: float) -> float:
        value = tf.constant(stiffness)
        with tf.GradientTape() as tape:
            tape.watch(value)
            loss = denoising_loss(
                quadratic(value), images, noise, tf.fill([N], stddev), stddev
            )
        return float(tape.gradient(loss, value))

    best = 1 / (0.3**2 + stddev**2)
    assert slope(0.9 * best) < 0 < slope(1.1 * best)
    assert abs(slope(best)) < 0.1 * slope(1.1 * best)


def test_a_flat_energy_loses_the_square_of_the_noise():
    noise = tf.random.stateless_normal([N, DIMENSIONS], SEED)
    loss = denoising_loss(
        quadratic(tf.constant(0.0)), tf.zeros_like(noise), noise, tf.ones([N]), 0.1
    )
    assert float(loss) == pytest.approx(float(tf.reduce_mean(noise**2)))


def test_the_energy_of_the_noise_alone_loses_nothing():
    """For one image at 0, y = s z: V = |y|^2 / (2 s0^2) explains it at every level."""
    noise = tf.random.stateless_normal([50, DIMENSIONS], SEED)
    stddevs = noise_levels(50, (0.05, 1.2), SEED)
    energy = quadratic(tf.constant(1 / 0.2**2))
    loss = denoising_loss(energy, tf.zeros_like(noise), noise, stddevs, 0.2)
    assert float(loss) < 1e-10


def test_levels_are_even_on_a_logarithmic_scale():
    levels = noise_levels(N, (0.05, 1.2), SEED).numpy()
    assert 0.05 <= levels.min() and levels.max() <= 1.2
    counts, _ = np.histogram(
        np.log(levels), bins=np.linspace(np.log(0.05), np.log(1.2), 11)
    )
    assert np.abs(counts / N - 0.1).max() < 0.01
