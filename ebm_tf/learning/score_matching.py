"""Denoising score matching at several noise levels, for one replica."""

import math

import tensorflow as tf

from ebm_tf.learning.optimization import Learned, StepFn, descend
from ebm_tf.protocols import Energy


def noise_levels(n: int, levels: tuple[float, float], seed: tf.Tensor) -> tf.Tensor:
    """Standard deviations float32 [n], even on a logarithmic scale."""
    least, largest = map(math.log, levels)
    return tf.exp(tf.random.stateless_uniform([n], seed, least, largest))


def denoising_loss(
    energy: Energy,
    images: tf.Tensor,
    noise: tf.Tensor,
    stddevs: tf.Tensor,
    score_stddev: float,
) -> tf.Tensor:
    """Mean over images of |s0^2 dV/dx(y) - (y - x)|^2 / (D s^2), y = x + s z.

    At the minimum s0^2 dV/dx(y) is the mean of y - x given y. With one level s = s0 it
    is denoising score matching (Vincent, 2011): exp(-V) is the density of noisy images.

    Args:
      energy: V, divided by its temperature.
      images: x, float32 [n, ...] of D numbers each.
      noise: z, standard normal, of the same shape.
      stddevs: s, float32 [n].
      score_stddev: s0.

    Source: Li, Chen and Sommer (2019), eq. 6, with weights 1 / s^2.
    """
    scale = tf.reshape(stddevs, [-1] + [1] * (images.shape.rank - 1))
    noisy = images + scale * noise
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(noisy)
        energies = energy(noisy)
    gradient = tape.gradient(energies, noisy)
    return tf.reduce_mean(tf.square(score_stddev**2 * gradient / scale - noise))


def make_step(
    learned: Learned,
    energy: Energy,
    *,
    levels: tuple[float, float],
    score_stddev: float,
) -> StepFn[tuple, dict, tuple]:
    """The step (state, batch, seed) -> (state, metrics, ()) of one replica.

    Args:
      learned: the network that learns.
      energy: V, of that network.
      levels: least and largest standard deviation of the noise.
      score_stddev: s0.

    Returns:
      The step. Its metrics: loss and grad_norm, before clipping.
    """

    def step(state: tuple, batch: dict, seed: tf.Tensor):
        images = batch["image"]
        keys = tf.unstack(tf.random.split(seed, 2))
        stddevs = noise_levels(images.shape[0], levels, keys[0])
        noise = tf.random.stateless_normal(images.shape, keys[1])
        with tf.GradientTape() as tape:
            loss = denoising_loss(energy, images, noise, stddevs, score_stddev)
        variables = learned.model.trainable_variables
        # The last bias moves no gradient of the energy.
        zero = tf.UnconnectedGradients.ZERO
        gradients = tape.gradient(loss, variables, unconnected_gradients=zero)
        return state, {"loss": loss, "grad_norm": descend(learned, gradients)}, ()

    return step
