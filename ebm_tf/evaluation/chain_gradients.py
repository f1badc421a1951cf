"""How far a gradient through a chain is from one that takes the chain for nothing."""

from collections.abc import Callable

import numpy as np
import tensorflow as tf

from ebm_tf import keyed_noise
from ebm_tf.attacks.balls import PIXEL_AXES
from ebm_tf.defenses.purification import DefenseGradient
from ebm_tf.evaluation.purified_evaluator import Use, fresh

# Gradients that are turned by less are the same to every attack.
NO_TURN = 1e-4

# (images [n, H, W, C], keys int32 [n, 2]) -> float [n].
TurnFn = Callable[[np.ndarray, tf.Tensor], np.ndarray]


def turns(in_chunks: Callable, gradient: DefenseGradient) -> TurnFn:
    """The sine of the angle by which a chain turns a gradient of random direction.

    It is 0 where the Jacobian of the chain is a multiple of the identity, as that of a
    piecewise linear energy is, whose Hessian is 0 almost everywhere. There the exact
    gradient finds nothing that BPDA does not.

    Args:
      in_chunks: makes a function of rows one of any number of them.
      gradient: of the chain.
    """

    def turned(images: tf.Tensor, seed: tf.Tensor, way: tf.Tensor) -> tf.Tensor:
        return sine(gradient(images, seed, lambda _: way), way)

    measured = in_chunks(turned)

    def turn(images: np.ndarray, keys: tf.Tensor) -> np.ndarray:
        seeds = fresh(keys, Use.NATURAL)
        shape = tf.TensorShape(images.shape[1:])
        ways = keyed_noise.normal(fresh(keys, Use.START), shape)
        return measured(images, seeds, ways)

    return turn


def sine(first: tf.Tensor, second: tf.Tensor) -> tf.Tensor:
    """Of the angle between vectors [n, H, W, C], float32 [n]; 0 where one is 0.

    By the difference of unit vectors, which loses nothing where the angle is small.
    """
    ones = [
        tf.math.l2_normalize(vectors, PIXEL_AXES, epsilon=1e-30)
        for vectors in (first, second)
    ]
    along = tf.reduce_sum(ones[0] * ones[1], PIXEL_AXES, keepdims=True)
    away = ones[0] - along * ones[1]
    return tf.sqrt(tf.reduce_sum(tf.square(away), PIXEL_AXES))
