"""The energy algebra: every potential that is sampled is composed of these."""

from collections.abc import Callable

import tensorflow as tf

from ebm_tf.protocols import Energy


def network(model: Callable[..., tf.Tensor]) -> Energy:
    """The energy U(x) of a Keras model with output [n, 1], in inference mode."""

    def energy(images: tf.Tensor) -> tf.Tensor:
        return tf.cast(model(images, training=False)[:, 0], tf.float32)

    return energy


def tempered(energy: Energy, temperature: float) -> Energy:
    """U(x) / T."""

    def quotient(images: tf.Tensor) -> tf.Tensor:
        return energy(images) / temperature

    return quotient


def gaussian(stddev: float) -> Energy:
    """|x|^2 / (2 stddev^2): the energy of a centred normal distribution."""

    def energy(images: tf.Tensor) -> tf.Tensor:
        axes = list(range(1, images.shape.rank))
        return tf.reduce_sum(tf.square(images), axes) / (2.0 * stddev**2)

    return energy


def total(*energies: Energy) -> Energy:
    """The sum of energies: the product of their densities."""

    def energy(images: tf.Tensor) -> tf.Tensor:
        return tf.add_n([term(images) for term in energies])

    return energy
