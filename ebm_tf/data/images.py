"""Bytes of any size to square images in [-1, 1], and their augmentation."""

import tensorflow as tf

from ebm_tf import pixels
from ebm_tf.config.parts import Data

_BLACK = -1.0


def _is_learned_from(data: Data) -> bool:
    return data.split.partition("[")[0] == "train"


def crops_at_random(data: Data) -> bool:
    """Whether a config asks for random crops: only the training split gets them."""
    return data.random_crop and _is_learned_from(data)


def shifts_or_flips(data: Data) -> bool:
    """Whether a config asks for shifts or flips: only the training split gets them."""
    return (data.padding > 0 or data.flip) and _is_learned_from(data)


def preprocess(image: tf.Tensor, data: Data, seed: tf.Tensor | None) -> tf.Tensor:
    """An image as a config asks for (specification of EBM Life Cycle, section 6).

    Grey images are repeated over three channels, and coloured ones become their luma
    where the config asks for one channel.

    Args:
      image: uint8 [H,W,C], C = 1 or 3; a batch [B,H,W,C] can be cropped centrally.
      data: image_size S, channels, split, random_crop.
      seed: a stateless key [2] for the random crop; None always crops centrally.

    Returns:
      float32 [S,S,channels] or [B,S,S,channels] in [-1, 1].
    """
    if crops_at_random(data) and seed is not None:
        square = random_crop(image, data.image_size, seed)
    else:
        square = _central_crop(image, data.image_size)
    if square.shape[-1] < data.channels:
        square = tf.image.grayscale_to_rgb(square)
    elif square.shape[-1] > data.channels:
        square = tf.image.rgb_to_grayscale(square)
    # The weights of a resize sum to one only up to rounding.
    return tf.clip_by_value(pixels.from_bytes(square), -1.0, 1.0)


def _central_crop(image: tf.Tensor, size: int) -> tf.Tensor:
    """Cuts the central square of the short side and resizes it to [..,size,size,C]."""
    height, width = tf.unstack(tf.shape(image)[-3:-1])
    side = tf.minimum(height, width)
    square = tf.image.crop_to_bounding_box(
        image, (height - side) // 2, (width - side) // 2, side, side
    )
    return _resize(square, [size, size])


def random_crop(image: tf.Tensor, size: int, seed: tf.Tensor) -> tf.Tensor:
    """Resizes the short side to size and cuts a random square [size,size,C]."""
    shape = tf.shape(image)[:2]
    # In whole numbers, so that the short side is exactly size.
    resized = shape * size // tf.reduce_min(shape)
    image = _resize(image, resized)
    top, left = tf.unstack(_draws(seed, 2) % (resized - size + 1))
    return tf.image.crop_to_bounding_box(image, top, left, size, size)


def _resize(image: tf.Tensor, shape: tf.Tensor | list[int]) -> tf.Tensor:
    return tf.image.resize(image, shape, method="bilinear", antialias=True)


def _draws(key: tf.Tensor, num: int) -> tf.Tensor:
    return tf.random.stateless_uniform([num], key, maxval=tf.int32.max, dtype=tf.int32)


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
    # Folded, because the key itself is that of the random crop.
    draws = tf.map_fn(
        lambda key: _draws(tf.random.experimental.stateless_fold_in(key, 1), 3),
        keys,
        fn_output_signature=tf.int32,
    )
    starts = draws[:, :2] % (2 * padding + 1)
    rows = starts[:, :1] + tf.range(size)
    columns = starts[:, 1:] + tf.range(size)
    if data.flip:
        columns = tf.where(draws[:, 2:] % 2 == 0, columns, columns[:, ::-1])
    around = [[0, 0], [padding, padding], [padding, padding], [0, 0]]
    padded = tf.pad(images, around, constant_values=_BLACK)
    chosen = tf.gather(padded, rows, axis=1, batch_dims=1)
    chosen = tf.gather(chosen, columns, axis=2, batch_dims=1)
    return tf.ensure_shape(chosen, images.shape)
