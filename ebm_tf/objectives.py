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


def reconstruction(images: tf.Tensor, targets: tf.Tensor) -> tf.Tensor:
    """Mean over the batch of the squared distance between images [n, H, W, C].

    The sum runs over pixels and channels: the loss of a generator that learns from
    the chains that began at its images (Xie et al., 2018).
    """
    axes = list(range(1, images.shape.rank))
    return tf.reduce_mean(tf.reduce_sum(tf.square(images - targets), axes))
