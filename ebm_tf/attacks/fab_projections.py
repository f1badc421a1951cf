"""The shortest way from a point of the pixel box to a hyperplane, inside the box."""

from typing import Literal

import tensorflow as tf


def displacement(
    points: tf.Tensor,
    normals: tf.Tensor,
    residuals: tf.Tensor,
    norm: Literal["linf", "l2"],
) -> tf.Tensor:
    """The smallest d with normal . d = residual and point + d in [-1, 1].

    Where no point of the box lies on the hyperplane, d leads to the corner that is
    nearest to it, along the signs of the normal.

    With s the sign of normal * residual, the solution is d = s * min(t * v, c): all
    coordinates move together, at speed v = 1 for l-infinity and v = |normal| for l2,
    until each meets its wall at distance c. The length that is gained along the
    normal is concave and piecewise linear in t, with its corners at c / v; they are
    sorted, and the right t lies between two of them (Croce and Hein, 2020, "Minimally
    distorted adversarial examples", section 2.2).

    Args:
      points: float32 [n, d] in [-1, 1].
      normals: float32 [n, d].
      residuals: float32 [n].
      norm: whose length is smallest.

    Returns:
      float32 [n, d].
    """
    # On one scale, products of large or of small gradients stay finite and normal.
    largest = tf.reduce_max(tf.abs(normals), 1, keepdims=True)
    normals = tf.math.divide_no_nan(normals, largest)
    normals = tf.where(tf.abs(normals) < 1e-12, 0.0, normals)
    residuals = tf.math.divide_no_nan(residuals[:, None], largest)
    signs = tf.sign(normals) * tf.where(residuals < 0.0, -1.0, 1.0)
    rates = tf.abs(normals)
    speeds = tf.sign(rates) if norm == "linf" else rates
    walls = tf.maximum(1.0 - signs * points, 0.0)
    time = _time(rates, speeds, walls, tf.abs(residuals))
    return signs * tf.minimum(time * speeds, walls)


def _time(
    rates: tf.Tensor, speeds: tf.Tensor, walls: tf.Tensor, lengths: tf.Tensor
) -> tf.Tensor:
    """The t [n, 1] at which the sum of rates * min(t * speeds, walls) is a length.

    A t at which all coordinates stand at their walls, where none reaches the length.

    Args:
      rates: float32 [n, d] >= 0.
      speeds: float32 [n, d] >= 0, 0 where a rate is 0.
      walls: float32 [n, d] >= 0.
      lengths: float32 [n, 1] >= 0.
    """
    corners = tf.math.divide_no_nan(walls, speeds)
    order = tf.argsort(corners, axis=1)
    corners = tf.gather(corners, order, batch_dims=1)
    stopped = tf.gather(rates * walls, order, batch_dims=1)
    moving = tf.gather(rates * speeds, order, batch_dims=1)
    before = tf.cumsum(stopped, axis=1, exclusive=True)
    slopes = tf.cumsum(moving, axis=1, reverse=True)
    reached = before + corners * slopes
    # The first corner by which the length is reached; the linear piece ends there.
    piece = tf.reduce_sum(tf.cast(reached < lengths, tf.int32), 1, keepdims=True)
    piece = tf.minimum(piece, corners.shape[1] - 1)
    corner, start, slope = (
        tf.gather(values, piece, batch_dims=1) for values in (corners, before, slopes)
    )
    time = tf.math.divide_no_nan(lengths - start, slope)
    return tf.clip_by_value(time, 0.0, corner)
