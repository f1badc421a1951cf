"""Weights that are moved up the loss before their gradient is taken."""

import numpy as np
import pytest
import tensorflow as tf

from ebm_tf.config.classification import WeightPerturbation
from ebm_tf.learning.adversary import perturbed

KERNEL = tf.random.stateless_normal([3, 3, 2, 4], [1, 2])
GRADIENT = tf.random.stateless_normal([3, 3, 2, 4], [3, 4])
BIAS = tf.constant([1.0, -2.0])


def moved(kernel=KERNEL, gradient=GRADIENT, update=0, **settings):
    return perturbed(
        [kernel, BIAS],
        [gradient, tf.ones([2])],
        WeightPerturbation(**settings),
        update=tf.constant(update, tf.int64),
    )


def test_kernels_move_by_gamma_times_their_norm_along_the_gradient():
    kernel, _ = moved(gamma=0.02)
    way = kernel - KERNEL
    length = 0.02 * tf.norm(KERNEL).numpy()
    assert tf.norm(way).numpy() == pytest.approx(length, rel=1e-5)
    cosine = tf.reduce_sum(way * GRADIENT) / tf.norm(way) / tf.norm(GRADIENT)
    assert cosine.numpy() == pytest.approx(1, abs=1e-5)


def test_neither_the_scale_of_gradients_nor_the_rate_matters():
    first, _ = moved()
    second, _ = moved(gradient=1e-6 * GRADIENT)
    np.testing.assert_allclose(first, second, rtol=1e-5)


def test_vectors_stay():
    _, bias = moved(gamma=0.5)
    np.testing.assert_array_equal(bias, BIAS)


def test_nothing_moves_without_a_gradient_or_before_the_first_update():
    still, _ = moved(gradient=tf.zeros_like(GRADIENT))
    np.testing.assert_array_equal(still, KERNEL)
    early, _ = moved(update=4, first_update=5)
    np.testing.assert_array_equal(early, KERNEL)
    nothing, _ = moved(kernel=tf.zeros_like(KERNEL))
    np.testing.assert_array_equal(nothing, tf.zeros_like(KERNEL))
    late, _ = moved(update=5, first_update=5)
    assert np.abs(late - KERNEL).max() > 1e-4
