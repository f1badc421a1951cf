"""Shifts and mirror images of what is learned from (He et al., 2016, section 4.2)."""

import tensorflow as tf

from ebm_tf.config.parts import Data
from ebm_tf.data.crops import is_learned_from

_BLACK = -1.0


def shifts_or_flips(data: Data) -> bool:
    """Whether a config asks for shifts or flips: only the training split gets them."""
    return (data.padding > 0 or data.flip) and is_learned_from(data)


def shifted_and_flipped(images: tf.Tensor, data: Data, keys: tf.Tensor) -> tf.Tensor:
    """Images moved by up to `data.padding` pixels, and half of them mirrored.

    What moves in is black. An image's result depends on its own key only.

    Args:
      images: [B,S,S,C] in [-1, 1].
      data: padding, flip.
      keys: stateless keys [B,2], one an image.

    Returns:
      Images of the same shape.
    """
    size, padding = images.shape[1], data.padding
    draws = tf.map_fn(_draws, keys, fn_output_signature=tf.int32)
    starts = draws[:, :2] % (2 * padding + 1)
    rows = starts[:, :1] + tf.range(size)
    columns = starts[:, 1:] + tf.range(size)
    if data.flip:
        columns = tf.where(draws[:, 2:] % 2 == 0, columns, columns[:, ::-1])
    around = [[0, 0], [padding, padding], [padding, padding], [0, 0]]
    padded = tf.pad(images, around, constant_values=_BLACK)
    chosen = tf.gather(padded, rows, axis=1, batch_dims=1)
    return tf.ensure_shape(
        tf.gather(chosen, columns, axis=2, batch_dims=1), images.shape
    )


def _draws(key: tf.Tensor) -> tf.Tensor:
    # Folded, because the key itself is that of the random crop.
    own = tf.random.experimental.stateless_fold_in(key, 1)
    return tf.random.stateless_uniform([3], own, maxval=tf.int32.max, dtype=tf.int32)
