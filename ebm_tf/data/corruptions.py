"""Corruptions that this program makes itself, at five severities, for any images.

The kinds follow Hendrycks and Dietterich (2019); the strengths are our own, so figures
are not comparable with those on CIFAR-10-C. Images are bytes, before and after. What
blurs is stated for images of 32 pixels a side, and weaker for smaller ones, by the root
of the side: a middle between the same number of pixels and the same part of the image.
"""

import io
import math
import zlib
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from PIL import Image
from scipy import ndimage

# By severity, 1 to 5.
STRENGTHS: Mapping[str, tuple[float, ...]] = {
    # Standard deviation of normal noise that is added, in parts of the pixel range.
    "gaussian_noise": (0.03, 0.06, 0.1, 0.15, 0.22),
    # Standard deviation of a Gaussian in pixels, at 32 a side; edges are mirrored.
    "blur": (0.8, 1.1, 1.5, 2.0, 2.6),
    # Part of the distance from the mean of each channel that is left.
    "contrast": (0.75, 0.5, 0.35, 0.22, 0.12),
    # Part of the pixel range that is added.
    "brightness": (0.08, 0.16, 0.24, 0.34, 0.45),
    # Quality, 1 to 100; colour has half the resolution.
    "jpeg": (60, 35, 20, 12, 6),
    # Part of the pixels a side that is left, at 32 a side: 26, 19, 14, 10 and 6, as
    # means over what they stand for; at 8 a side 7, 6, 5, 4 and 3.
    "pixelate": (0.8, 0.6, 0.45, 0.3, 0.18),
}
_USUAL_SIDE = 32


def corrupted(
    images: np.ndarray, name: str, severity: int, *, seed: int, first: int = 0
) -> np.ndarray:
    """Corrupts images.

    The noise of an image is of the seed and its place, so that it depends neither on
    the other images nor on how they come in parts; at another severity it is the same
    noise, of another strength.

    Args:
      images: uint8 [n, H, W, C].
      name: of the corruption, a key of `STRENGTHS`.
      severity: 1 to 5.
      seed: not negative.
      first: the place of the first image.

    Returns:
      uint8 [n, H, W, C].
    """
    strength = STRENGTHS[name][severity - 1]
    if name == "gaussian_noise":
        return _bytes(images + 255.0 * strength * _noise(images.shape, seed, first))
    return _KINDS[name](images, strength)


def _noise(shape: tuple[int, ...], seed: int, first: int) -> np.ndarray:
    """Normal noise, of each image by its own key."""
    salt = zlib.crc32(b"gaussian_noise")
    keys = ([seed, salt, place] for place in range(first, first + shape[0]))
    return np.stack([np.random.default_rng(k).standard_normal(shape[1:]) for k in keys])


def _scale(side: int) -> float:
    """By what strengths that depend on the size of images scale."""
    return math.sqrt(side / _USUAL_SIDE)


def _blur(images: np.ndarray, strength: float) -> np.ndarray:
    sigma = strength * _scale(images.shape[1])
    values = images.astype(np.float64)
    return _bytes(ndimage.gaussian_filter(values, (0, sigma, sigma, 0), mode="reflect"))


def _contrast(images: np.ndarray, strength: float) -> np.ndarray:
    means = images.mean(axis=(1, 2), keepdims=True, dtype=np.float64)
    return _bytes(means + strength * (images - means))


def _brightness(images: np.ndarray, strength: float) -> np.ndarray:
    return _bytes(images + 255.0 * strength)


def _jpeg(picture: Image.Image, strength: float) -> Image.Image:
    buffer = io.BytesIO()
    # 2: a colour for four pixels, said because the default is the library's.
    picture.save(buffer, format="JPEG", quality=int(strength), subsampling=2)
    return Image.open(buffer)


def _pixelate(picture: Image.Image, strength: float) -> Image.Image:
    left = strength ** _scale(picture.height)
    width, height = (max(1, round(left * side)) for side in picture.size)
    small = picture.resize((width, height), Image.Resampling.BOX)
    return small.resize(picture.size, Image.Resampling.NEAREST)


def _one_by_one(
    function: Callable[[Image.Image, float], Image.Image],
) -> Callable[[np.ndarray, float], np.ndarray]:
    """What does to arrays, image by image, what a function does to a picture."""

    def corrupt(images: np.ndarray, strength: float) -> np.ndarray:
        grey = images.shape[-1] == 1
        found = np.empty_like(images)
        for place, image in enumerate(images):
            picture = Image.fromarray(image[..., 0] if grey else image)
            changed = np.asarray(function(picture, strength))
            found[place] = changed[..., None] if grey else changed
        return found

    return corrupt


def _bytes(values: np.ndarray) -> np.ndarray:
    """Rounds values that are in the range of bytes, or beyond it."""
    return np.rint(np.clip(values, 0.0, 255.0)).astype(np.uint8)


_KINDS: Mapping[str, Callable[[Any, float], np.ndarray]] = {
    "blur": _blur,
    "contrast": _contrast,
    "brightness": _brightness,
    "jpeg": _one_by_one(_jpeg),
    "pixelate": _one_by_one(_pixelate),
}
