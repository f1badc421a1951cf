"""What attacks ask of the gradients that they are given."""

import tensorflow as tf

from ebm_tf.attacks.balls import PIXEL_AXES
from ebm_tf.protocols import Ascent


def finite(seen: Ascent) -> Ascent:
    """With 0 for what is no number in a gradient, and the lowest loss for such a one.

    So an image never leaves its ball by way of a NaN, nor has a NaN the highest loss.
    """
    numbers = tf.math.is_finite(seen.gradient)
    return seen._replace(
        gradient=tf.where(numbers, seen.gradient, 0.0),
        loss=tf.where(tf.math.is_nan(seen.loss), -float("inf"), seen.loss),
    )


def is_zero(gradient: tf.Tensor) -> tf.Tensor:
    """1 where a gradient [n, H, W, C] is exactly 0 and 0 elsewhere, float32 [n]."""
    return tf.cast(tf.reduce_all(gradient == 0.0, PIXEL_AXES), tf.float32)
