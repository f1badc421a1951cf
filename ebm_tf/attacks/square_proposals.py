"""The random changes that the Square attack tries."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from ebm_tf.attacks import balls
from ebm_tf.attacks.square_patterns import (
    dipoles,
    l2_sides,
    linf_sides,
    placed,
    tiles,
    window,
)

FIRST_SHARE = 0.8  # p, of the pixels in the first window


class Proposals(NamedTuple):
    """What Square tries.

    Attributes:
      first: seed -> images to begin at.
      next: (images, index, seed) -> images that differ from the best in a window.
    """

    first: Callable[[tf.Tensor], tf.Tensor]
    next: Callable[[tf.Tensor, tf.Tensor, tf.Tensor], tf.Tensor]


def linf_proposals(
    ball: balls.LinfBall, centers: tf.Tensor, num_queries: int
) -> Proposals:
    """Vertical stripes at first, then squares of one colour, all at +-epsilon.

    Source: Andriushchenko et al. (2020), algorithm 2 and section 4.1.
    """
    num_images, height, width, channels = centers.shape
    epsilon = balls.per_image(ball.epsilon)
    sides = tf.constant(linf_sides(num_queries, FIRST_SHARE, height, width), tf.int32)

    def first(seed: tf.Tensor) -> tf.Tensor:
        signs = _signs([num_images, 1, width, channels], seed)
        return ball.project(centers + epsilon * signs, centers)

    def following(images: tf.Tensor, index: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        corner_seed, sign_seed = tf.unstack(tf.random.split(seed, 2))
        side = tf.gather(sides, index)
        corner = _corners(centers, side, corner_seed)
        signs = _signs([num_images, 1, 1, channels], sign_seed)
        inside = window(corner, side, height, width) > 0.0
        moved = tf.where(inside, centers + epsilon * signs, images)
        return ball.project(moved, centers)

    return Proposals(first, following)


def l2_proposals(ball: balls.L2Ball, centers: tf.Tensor, num_queries: int) -> Proposals:
    """A grid of dipoles at first; then one window's length goes to a dipole elsewhere.

    Source: Andriushchenko et al. (2020), algorithm 3 and section 4.2.
    """
    num_images, height, width, channels = centers.shape
    grid, numbers = tiles(height, width)
    sides = l2_sides(num_queries, FIRST_SHARE, height, width)
    distinct = sorted(set(sides))
    table = tf.constant(dipoles(distinct, height, width))
    entries = tf.constant(np.searchsorted(distinct, sides), tf.int32)

    def on_sphere(deltas: tf.Tensor) -> tf.Tensor:
        aimed = ball.ascend(centers, deltas, ball.epsilon)
        return ball.project(aimed, centers)

    def first(seed: tf.Tensor) -> tf.Tensor:
        sign_seed, turn_seed = tf.unstack(tf.random.split(seed, 2))
        num_tiles = int(numbers.max()) + 1
        signs = _signs([num_images, num_tiles, channels], sign_seed)
        patterns = tf.gather(tf.constant(grid), _turns(centers, turn_seed))
        return on_sphere(patterns[..., None] * tf.gather(signs, numbers, axis=1))

    def following(images: tf.Tensor, index: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        seeds = tf.unstack(tf.random.split(seed, 4))
        entry = tf.gather(entries, index)
        side = tf.gather(tf.constant(distinct, tf.int32), entry)
        corner = _corners(centers, side, seeds[0])
        filled = window(corner, side, height, width)
        emptied = window(_corners(centers, side, seeds[1]), side, height, width)
        patterns = tf.gather(tf.gather(table, entry), _turns(centers, seeds[2]))
        added = placed(patterns, corner) * _signs(
            [num_images, 1, 1, channels], seeds[3]
        )
        return on_sphere(
            _moved_length(images - centers, added, filled, emptied, ball.epsilon)
        )

    return Proposals(first, following)


def _moved_length(
    deltas: tf.Tensor,
    added: tf.Tensor,
    filled: tf.Tensor,
    emptied: tf.Tensor,
    epsilon: tf.Tensor,
) -> tf.Tensor:
    """Deltas with the length of one window given to a pattern in another.

    In each channel the window is filled by the sum of the pattern and of what was
    there, both of norm 1, scaled to the norm of both windows before and the channel's
    part of what the whole fell short of epsilon.

    Args:
      deltas: float32 [n, H, W, C], images less natural ones.
      added: patterns of norm 1 in each channel, 0 outside of the window.
      filled: 1 in the window that they fill, 0 elsewhere, [n, H, W, 1].
      emptied: the same of the window that is emptied, but for what they share.
      epsilon: float32 [n].
    """
    channels = deltas.shape[-1]
    spare = tf.reduce_sum(tf.square(deltas), balls.PIXEL_AXES, keepdims=True)
    spare = tf.maximum(balls.per_image(epsilon) ** 2 - spare, 0.0) / channels
    both = tf.square(_channel_norms(deltas * tf.maximum(filled, emptied)))
    old = deltas * filled
    filling = added + old / (_channel_norms(old) + 1e-12)
    filling *= tf.sqrt(spare + both) / (_channel_norms(filling) + 1e-12)
    kept = deltas * (1.0 - tf.maximum(filled, emptied))
    return kept + filling


def _channel_norms(deltas: tf.Tensor) -> tf.Tensor:
    return tf.sqrt(tf.reduce_sum(tf.square(deltas), [1, 2], keepdims=True))


def _corners(images: tf.Tensor, side: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    """The upper left pixel of a window in each image, drawn evenly, int32 [n, 2]."""
    num_images, height, width, _ = images.shape
    last = tf.stack([height - side, width - side])
    draws = tf.random.stateless_uniform([num_images, 2], seed)
    corners = tf.cast(draws * tf.cast(last + 1, tf.float32), tf.int32)
    return tf.minimum(corners, last)


def _signs(shape: list[int], seed: tf.Tensor) -> tf.Tensor:
    """+1 or -1, float32."""
    draws = tf.random.stateless_uniform(shape, seed, 0, 2, tf.int32)
    return tf.cast(2 * draws - 1, tf.float32)


def _turns(images: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    """For each image whether its patterns are turned: 0 or 1, int32 [n]."""
    return tf.random.stateless_uniform(images.shape[:1], seed, 0, 2, tf.int32)
