"""Pixel ranges: the only place that knows how [-1, 1], [0, 1] and bytes are related."""

from typing import Any

import numpy as np
import tensorflow as tf


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


def from_255ths(length: float) -> float:
    """A length in 255ths of the pixel range, in units of images in [-1, 1]."""
    return length * 2.0 / 255.0
