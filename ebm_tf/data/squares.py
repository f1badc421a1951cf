"""Images of a large or a small square under smooth noise, with their true directions.

The numbers are those of the published program, drawn by NumPy's legacy generator.

Source: Bigolin Lanfredi et al. (2023); its images of 224 pixels, and its smaller ones.
"""

from typing import NamedTuple

import numpy as np
import scipy.ndimage
import tensorflow as tf

from ebm_tf.data.arrays import array_source, slice_of
from ebm_tf.data.sources import Source
from ebm_tf.errors import DataError

# Of each split the seed, and the number of images.
SPLITS = {"train": (7, 10_000), "validation": (8, 200), "test": (9, 1000)}
# Sides as shares of 0.8 of the image, of the classes 0 and 1.
SCALES = (0.8, 0.5)
_DARK, _BRIGHT = -0.5, 0.5


class Kind(NamedTuple):
    """How images are made.

    Attributes:
      size: their side in pixels.
      blur: standard deviation of the blur of the noise, in pixels.
      deviation: standard deviation of the noise after it.
      bound: on the noise; pixels leave [-1, 1] where there is none.
    """

    size: int
    blur: float
    deviation: float
    bound: float | None


KINDS = {"squares": Kind(224, 2.5, 0.5, None), "squares32": Kind(32, 1.0, 0.25, 0.5)}


def squares_source(name: str, split: str, directory: str | None) -> Source:
    """A split of squares, made anew and held in memory: 2 GB of the largest one.

    Args:
      name: one of KINDS.
      split: one of SPLITS, or a slice of one; what comes after it is not made.
      directory: not used, because nothing is read.

    Raises:
      DataError: if there is no such split.
    """
    del directory
    whole = split.partition("[")[0]
    if whole not in SPLITS:
        raise DataError(
            f"Dataset {name} has no split {split!r}: it has {', '.join(SPLITS)}."
        )
    seed, num = SPLITS[whole]
    chosen, kind = range(num)[slice_of(split, name, num)], KINDS[name]
    images, labels = made(kind, seed, num, chosen)
    source = array_source(
        images, labels, name=name, split=split, origin="drawn by its own seed"
    )
    return source._replace(
        classes=("large", "small"),
        directions=lambda images, labels, wrong, seed: directions(kind, labels, wrong),
    )


def made(
    kind: Kind, seed: int, num: int, chosen: range
) -> tuple[np.ndarray, np.ndarray]:
    """Images float32 [n, H, W, 1] and labels int64 [n] at the chosen places of num.

    All labels are drawn first, then the noise of one image after the other.
    """
    generator = np.random.RandomState(seed)
    scales = generator.choice([0.5, 0.8], num)
    labels = np.where(scales < 0.7, 1, 0)[chosen.start : chosen.stop]
    images = np.empty([len(chosen), kind.size, kind.size, 1], np.float32)
    for place in range(chosen.stop):
        field = generator.normal(0.0, 1.0, [kind.size, kind.size])
        if place >= chosen.start:
            image = clean(kind, scales[place]) + noise(kind, field)
            images[place - chosen.start, ..., 0] = image
    return images, labels


def clean(kind: Kind, scale: float) -> np.ndarray:
    """The square of a scale in the middle of an image [H, W]."""
    half, image = kind.size // 2, np.full([kind.size, kind.size], _DARK)
    extent = int(half * 0.8 * scale)
    inside = slice(half - extent, half + extent)
    image[inside, inside] = _BRIGHT
    return image


def noise(kind: Kind, field: np.ndarray) -> np.ndarray:
    """The noise [H, W] of an image, made of normal numbers [H, W]."""
    smooth = scipy.ndimage.gaussian_filter(
        field, kind.blur, mode="nearest", truncate=4.0
    )
    smooth *= kind.deviation / smooth.std()
    return smooth if kind.bound is None else np.clip(smooth, -kind.bound, kind.bound)


def directions(kind: Kind, labels: tf.Tensor, wrong: tf.Tensor) -> tf.Tensor:
    """The same image with the square of another class, less itself: `Directions`."""
    squares = np.stack([clean(kind, scale) for scale in SCALES])[..., None]
    squares = tf.constant(squares, tf.float32)
    return tf.gather(squares, wrong) - tf.gather(squares, labels)
