"""The gradients that attacks follow, and what stands for entries that are no numbers.

Of a classifier that draws numbers the mean over several draws counts (EOT);
`purified_gradients` does the same for a defence in front of a classifier.
"""

from collections.abc import Callable

import tensorflow as tf

from ebm_tf import keyed_noise
from ebm_tf.attacks.balls import PIXEL_AXES
from ebm_tf.attacks.losses import Loss
from ebm_tf.kernels import Kernel, iterate
from ebm_tf.protocols import Ascent, AscentFn, Classifier

# Images [n, H, W, C] in [-1, 1], and the key of a draw, [2], or one of each image,
# [n, 2] -> logits [n, k].
RandomClassifier = Callable[[tf.Tensor, tf.Tensor], tf.Tensor]


def plain(classifier: Classifier, loss: Loss) -> AscentFn:
    """The exact gradient of a deterministic classifier, by images only.

    A classifier that no gradient passes gives zeros, which attacks report.

    Args:
      classifier: images -> logits.
      loss: logits float32 [n, k] -> what is raised, [n].
    """

    def ascent(images: tf.Tensor, seed: tf.Tensor) -> Ascent:
        del seed  # nothing is drawn
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(images)
            logits = classifier(images)
            losses = loss(logits)
        gradient = tape.gradient(
            losses, images, unconnected_gradients=tf.UnconnectedGradients.ZERO
        )
        return Ascent(gradient, losses, logits)

    return ascent


def random_gradient(
    classifier: RandomClassifier, loss: Loss, num_samples: int
) -> AscentFn:
    """Means of gradients, losses and logits over a number of draws of a classifier."""

    def one(images: tf.Tensor, seed: tf.Tensor) -> Ascent:
        return plain(lambda images: classifier(images, seed), loss)(images, seed)

    def mean(images: tf.Tensor, seed: tf.Tensor) -> Ascent:
        def drawn(number: tf.Tensor | int) -> Ascent:
            return one(images, keyed_noise.folded(seed, number))

        def add(state: tuple[tf.Tensor, Ascent], _: tf.Tensor) -> tuple:
            number, total = state
            total = tf.nest.map_structure(tf.add, total, drawn(number))
            return (number + 1, total), ()

        kernel = Kernel(lambda total: ((tf.constant(1), total), ()), add)
        start, none = kernel.init(drawn(0)), tf.zeros([2], tf.int32)
        (_, total), _ = iterate(kernel, *start, num_samples - 1, none)
        return tf.nest.map_structure(lambda value: value / num_samples, total)

    return mean


def finite(output: Ascent) -> Ascent:
    """With 0 for what is no number in a gradient, and the lowest loss for such a one.

    So an image never leaves its ball by way of a NaN, nor has a NaN the highest loss.
    """
    numbers = tf.math.is_finite(output.gradient)
    return output._replace(
        gradient=tf.where(numbers, output.gradient, 0.0),
        loss=tf.where(tf.math.is_nan(output.loss), -float("inf"), output.loss),
    )


def is_zero(gradient: tf.Tensor) -> tf.Tensor:
    """1 where a gradient [n, H, W, C] is exactly 0 and 0 elsewhere, float32 [n]."""
    return tf.cast(tf.reduce_all(gradient == 0.0, PIXEL_AXES), tf.float32)
