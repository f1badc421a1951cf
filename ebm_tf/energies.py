"""The energy algebra: every potential that is sampled is composed of these.

A classifier f has two energies, E(x) = -logsumexp f(x) and E(x, y) = -f(x)[y]
(Grathwohl et al., 2020).
"""

from collections.abc import Callable

import tensorflow as tf

from ebm_tf.protocols import Energy


def marginal_energy(logits: tf.Tensor) -> tf.Tensor:
    """E(x), float32 [n], of logits [n, k]."""
    return -tf.reduce_logsumexp(logits, axis=-1)


def joint_energy(logits: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
    """E(x, y), float32 [n], of logits [n, k] and labels, integers [n]."""
    return -tf.gather(logits, labels, axis=-1, batch_dims=1)


def posterior_energy(logits: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
    """E(x, y) - E(x) = -log p(y | x), the cross-entropy, float32 [n]."""
    return joint_energy(logits, labels) - marginal_energy(logits)


def logit_distance(
    logits: tf.Tensor, labels: tf.Tensor, means: tf.Tensor, precisions: tf.Tensor
) -> tf.Tensor:
    """(f - m_y)^T P_y (f - m_y), the squared Mahalanobis distance, float32 [n].

    Args:
      logits: f, [n, k].
      labels: y, integers [n].
      means: m, [c, k], of the logits of each class.
      precisions: P, [c, k, k].
    """
    away = logits - tf.gather(means, labels)
    return tf.einsum("ni,nij,nj->n", away, tf.gather(precisions, labels), away)


def network(model: Callable[..., tf.Tensor]) -> Energy:
    """The energy U(x) of a Keras model with output [n, 1], in inference mode."""
    return lambda images: tf.cast(model(images, training=False)[:, 0], tf.float32)


def tempered(energy: Energy, temperature: float) -> Energy:
    """U(x) / T."""
    return lambda images: energy(images) / temperature


def gaussian(stddev: float) -> Energy:
    """|x|^2 / (2 stddev^2): the energy of a centred normal distribution."""

    def energy(images: tf.Tensor) -> tf.Tensor:
        axes = list(range(1, images.shape.rank))
        return tf.reduce_sum(tf.square(images), axes) / (2.0 * stddev**2)

    return energy


def total(*energies: Energy) -> Energy:
    """The sum of energies: the product of their densities."""
    return lambda images: tf.add_n([term(images) for term in energies])
