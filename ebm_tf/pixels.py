"""Pixel ranges: the only place that knows how [-1, 1], [0, 1] and bytes are related."""

import math
from typing import Any

import numpy as np
import tensorflow as tf

from ebm_tf.config.networks import PixelRange, Standardised

# Of the scales that arrays of images come in; those of bytes are always 0..255.
BOUNDS: dict[str, tuple[float, float]] = {
    "-1..1": (-1.0, 1.0),
    "0..1": (0.0, 1.0),
    "0..255": (0.0, 255.0),
}


def from_range(images: Any, pixel_range: PixelRange) -> Any:
    """Maps images of a range, arrays, tensors or symbols of Keras, to [-1, 1]."""
    low, high = BOUNDS[pixel_range]
    return (images - low) * (2.0 / (high - low)) - 1.0 if low == 0.0 else images


def to_range(images: Any, pixel_range: PixelRange) -> Any:
    """Maps images in [-1, 1], arrays, tensors or symbols of Keras, to a range."""
    low, high = BOUNDS[pixel_range]
    return (images + 1.0) * ((high - low) / 2.0) if low == 0.0 else images


def to_scale(images: Any, scale: PixelRange | Standardised) -> Any:
    """Maps images in [-1, 1] to what a network takes."""
    if not isinstance(scale, Standardised):
        return to_range(images, scale)
    return (to_unit(images) - _row(scale.mean)) / _row(scale.stddev)


def from_scale(images: Any, scale: PixelRange | Standardised) -> Any:
    """Maps what a network gives to images in [-1, 1]."""
    if not isinstance(scale, Standardised):
        return from_range(images, scale)
    return from_range(images * _row(scale.stddev) + _row(scale.mean), "0..1")


def _row(value: float | tuple[float, ...]) -> np.ndarray:
    """One number, or one for each channel, that broadcasts over images."""
    return np.asarray(value, np.float32)


def range_width(pixel_range: PixelRange) -> float:
    """The length of a range, by which lengths in it are measured."""
    low, high = BOUNDS[pixel_range]
    return high - low


def from_bytes(images: tf.Tensor) -> tf.Tensor:
    """Maps bytes 0..255 to float32 in [-1, 1]."""
    return tf.cast(images, tf.float32) * (2.0 / 255.0) - 1.0


def to_unit(images: Any) -> Any:
    """Maps images in [-1, 1], tensors or symbols of Keras, to [0, 1]."""
    return images * 0.5 + 0.5


def to_bytes(images: np.ndarray) -> np.ndarray:
    """Clips images in [-1, 1] and rounds them to the nearest of the bytes 0..255.

    NaN becomes 0, on every machine and without a warning.
    """
    scaled = (np.clip(images, -1.0, 1.0) + 1.0) * 127.5
    return np.nan_to_num(np.rint(scaled), copy=False).astype(np.uint8)


def pictured(images: Any) -> Any:
    """Images as they are; points [n, 1, 1, d] as grey ones [n, h, w, 1] of d pixels.

    They are as square as d allows: 500 dimensions are 20 by 25 pixels.

    Args:
      images: a tensor of a known shape, or an array.
    """
    num, height, width, channels = images.shape
    if height * width > 1 or channels in (1, 3):
        return images
    sides = range(1, math.isqrt(channels) + 1)
    side = max(side for side in sides if channels % side == 0)
    shape = num, side, channels // side, 1
    return tf.reshape(images, shape) if tf.is_tensor(images) else images.reshape(shape)


def from_255ths(length: float) -> float:
    """A length in 255ths of the pixel range, in units of images in [-1, 1]."""
    return length * 2.0 / 255.0
