"""What is minimised: losses of energies and images."""

from typing import Any

import tensorflow as tf


def counted_mean(values: tf.Tensor, counts: Any = ()) -> tf.Tensor:
    """The mean of values [n] that count, by float32 [n] of 1 and 0; () counts all.

    It is 0 where none does. All values have to be finite.
    """
    if isinstance(counts, tuple):
        return tf.reduce_mean(values)
    total = tf.reduce_sum(counts * values)
    return tf.math.divide_no_nan(total, tf.reduce_sum(counts))


def contrastive(
    positive: tf.Tensor, negative: tf.Tensor, temperature: float, counts: Any = ()
) -> tf.Tensor:
    """(mean U(x+) - mean U(x-)) / T, whose gradient is that of -log likelihood.

    Args:
      positive: energies [n] of data, not divided by T.
      negative: energies [m] of samples of the model.
      temperature: T.
      counts: which samples count, as for `counted_mean`.

    Source: Hill et al. (2022), eq. 3.
    """
    return (tf.reduce_mean(positive) - counted_mean(negative, counts)) / temperature


def hinge_of_discriminator(data: tf.Tensor, samples: tf.Tensor) -> tf.Tensor:
    """Mean of max(0, 1 - D(x+)) plus mean of max(0, 1 + D(x-)).

    Args:
      data: scores of data, of any shape.
      samples: scores of generated images, likewise.

    Source: Miyato et al. (2018), eq. 17.
    """
    return tf.reduce_mean(tf.nn.relu(1.0 - data)) + tf.reduce_mean(
        tf.nn.relu(1.0 + samples)
    )


def hinge_of_generator(samples: tf.Tensor) -> tf.Tensor:
    """Minus the mean score of generated images (Miyato et al., 2018, eq. 18)."""
    return -tf.reduce_mean(samples)


def multi_hinge(scores: tf.Tensor, targets: tf.Tensor) -> tf.Tensor:
    """Mean of max(0, 1 + max of the other scores - that of the target).

    Args:
      scores: float32 [n, k].
      targets: integers [n].

    Source: Kavalerov, Czaja and Chellappa (2021), after Crammer and Singer (2001).
    """
    is_target = tf.one_hot(targets, scores.shape[-1], on_value=True, off_value=False)
    others = tf.reduce_max(tf.where(is_target, -float("inf"), scores), -1)
    own = tf.gather(scores, targets, axis=-1, batch_dims=1)
    return tf.reduce_mean(tf.nn.relu(1.0 + others - own))


def feature_matching(samples: tf.Tensor, data: tf.Tensor) -> tf.Tensor:
    """Mean absolute difference of the means of features [n, c] (Salimans et al., 2016).

    The data [m, c] are held.
    """
    means = tf.reduce_mean(samples, 0), tf.stop_gradient(tf.reduce_mean(data, 0))
    return tf.reduce_mean(tf.abs(means[0] - means[1]))


def reconstruction(images: tf.Tensor, targets: tf.Tensor) -> tf.Tensor:
    """Mean over the batch of the squared distance between images [n, H, W, C].

    The sum runs over pixels and channels: the loss of a generator that learns from
    the chains that began at its images (Xie et al., 2018).
    """
    axes = list(range(1, images.shape.rank))
    return tf.reduce_mean(tf.reduce_sum(tf.square(images - targets), axes))


def root_mean_squares(differences: tf.Tensor) -> tf.Tensor:
    """|d| / sqrt(D), float32 [n], of differences d [n, ...] of D numbers each.

    At 0 its gradient is 0.
    """
    axes = list(range(1, differences.shape.rank))
    return tf.sqrt(tf.maximum(tf.reduce_mean(tf.square(differences), axes), 1e-12))
