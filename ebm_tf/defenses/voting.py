"""One prediction out of many: replicates of an image, purified independently."""

from collections.abc import Callable

import tensorflow as tf

from ebm_tf import keyed_noise

# Images [m, H, W, C] and their seeds [m, 2] -> logits [m, k].
SeededClassifier = Callable[[tf.Tensor, tf.Tensor], tf.Tensor]


def mean_logits(logits: tf.Tensor) -> tf.Tensor:
    """The mean over replicates of logits [n, r, k] (Hill et al., 2021)."""
    return tf.reduce_mean(logits, 1)


def mean_probabilities(logits: tf.Tensor) -> tf.Tensor:
    """The mean over replicates of probabilities."""
    return tf.reduce_mean(tf.nn.softmax(logits), 1)


def class_counts(logits: tf.Tensor) -> tf.Tensor:
    """How many replicates chose each class; the mean probabilities break a tie."""
    chosen = tf.one_hot(tf.argmax(logits, -1), logits.shape[-1])
    return tf.reduce_sum(chosen, 1) + 0.5 * mean_probabilities(logits)


# What makes scores [n, k], the largest wins, of logits [n, r, k].
VOTES: dict[str, Callable[[tf.Tensor], tf.Tensor]] = {
    "logits": mean_logits,
    "probabilities": mean_probabilities,
    "classes": class_counts,
}


def replicate_logits(
    classify: SeededClassifier,
    images: tf.Tensor,
    seed: tf.Tensor,
    num_replicates: int,
    *,
    most_at_once: int,
) -> tf.Tensor:
    """Logits [n, r, k] of replicates that have a seed each.

    Args:
      classify: a purified classifier.
      images: [n, H, W, C].
      seed: int32 [n, 2].
      num_replicates: r.
      most_at_once: copies of images that are made at once, if n is not more.
    """
    n = images.shape[0]
    at_once = max(1, most_at_once // n)
    parts = []
    for first in range(0, num_replicates, at_once):
        numbers = tf.range(first, min(first + at_once, num_replicates))
        keys = keyed_noise.replicate_keys(seed, numbers)
        copies = tf.repeat(images, len(numbers), axis=0)
        logits = classify(copies, keys)
        parts.append(tf.reshape(logits, [n, len(numbers), logits.shape[-1]]))
    return tf.concat(parts, 1)
