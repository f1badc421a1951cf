"""Images that are not of the distribution, as a config names them."""

import dataclasses
import zlib
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from ebm_tf.config import analysis
from ebm_tf.config.analysis import Analysis, AnyOtherImages, NamedData
from ebm_tf.config.core import to_mapping
from ebm_tf.config.parts import Data
from ebm_tf.data.datasets import open_source
from ebm_tf.data.pipelines import images_in_order
from ebm_tf.data.sources import (
    Source,
    positions_at_random,
    subset,
    unaugmented,
    where_it_lies,
)
from ebm_tf.runtime import seeds
from ebm_tf.runtime.seeds import Purpose


class Others(NamedTuple):
    """A set of images.

    Attributes:
      images: float32 [n, H, W, C] of the size of the classifier.
      facts: what they are, JSON-able.
      note: a line for people, on a resize; none if None.
    """

    images: np.ndarray
    facts: dict[str, Any]
    note: str | None = None


def open_data(config: Analysis, settings: NamedData) -> tuple[Source, Data]:
    """Opens a dataset of other images; it is not augmented.

    Raises:
      DataError: if it is missing, damaged, or has examples of another shape.
    """
    directory = settings.data.directory or config.data.directory
    data = dataclasses.replace(unaugmented(settings.data), directory=directory)
    source = open_source(data)
    limit = settings.num or source.num_examples
    if limit < source.num_examples:
        seed = _seed(config, settings, Purpose.SUBSET)
        chosen = positions_at_random(source.num_examples, limit, seed)
        source = subset(source, chosen)
    return source, data


def other_images(
    config: Analysis, settings: AnyOtherImages, test: np.ndarray
) -> Others:
    """Makes or reads a set of other images.

    Args:
      config: of the measurement.
      settings: of the set.
      test: the test images [n, H, W, C] in [-1, 1].

    Raises:
      DataError: if a dataset cannot be read.
    """
    if isinstance(settings, NamedData):
        return _read(config, settings)
    generator = np.random.default_rng(_seed(config, settings, Purpose.SAMPLES))
    images = _MADE[type(settings)](test[: settings.num], settings, generator)
    facts = {"num_images": len(images), **to_mapping(settings)}
    return Others(images.astype(np.float32), facts)


def description(config: Analysis, settings: AnyOtherImages) -> str:
    """A line on a set, for people; a dataset is opened, and no image is read.

    Raises:
      DataError: if a dataset is missing.
    """
    if not isinstance(settings, NamedData):
        given = {name: v for name, v in vars(settings).items() if v is not None}
        words = (f"{name} {value}" for name, value in given.items())
        return ", ".join((f"{settings.name}: {type(settings).__name__}", *words))
    source, _ = open_data(config, settings)
    resize = _resize(config, settings)
    return (
        f"{settings.name}: {source.num_examples:,} images of {source.name}, "
        f"{source.split}, {where_it_lies(source)}" + (f", {resize}" if resize else "")
    )


def _read(config: Analysis, settings: NamedData) -> Others:
    source, data = open_data(config, settings)
    here, resize = config.data.image_size, _resize(config, settings)
    batches = (images for images, _ in images_in_order(source, data))
    images = np.concatenate([resized(batch, here) for batch in batches])
    facts = {
        "num_images": len(images),
        "type": type(settings).__name__,
        "data": data.name,
        "split": data.split,
        "resize": resize,
    }
    return Others(images, facts, f"{settings.name}: {resize}" if resize else None)


def _resize(config: Analysis, settings: NamedData) -> str | None:
    """What is done to the size of a dataset's images; nothing if None."""
    there, here = settings.data.image_size, config.data.image_size
    return f"resized from {there} to {here} pixels" if there != here else None


def resized(images: np.ndarray, size: int) -> np.ndarray:
    """Square images [n, S, S, C] at another size, bilinear and without aliasing."""
    if images.shape[1] == size:
        return images
    smaller = tf.image.resize(images, [size, size], "bilinear", antialias=True)
    return np.clip(smaller.numpy(), -1.0, 1.0)


def interpolated(images: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """The mean of each of n > 1 images and another one, all in one random circle."""
    circle = generator.permutation(len(images))
    partners = np.empty_like(circle)
    partners[circle] = np.roll(circle, 1)
    return (images + images[partners]) / 2


def _seed(config: Analysis, settings: AnyOtherImages, purpose: Purpose) -> int:
    """A seed of the name of a set, so that the others do not change it."""
    return seeds.integer(config.seed, purpose) ^ zlib.crc32(settings.name.encode())


# By settings: (test images, settings, generator) -> other images.
_MADE: dict[type, Callable[..., np.ndarray]] = {
    analysis.UniformNoise: lambda test, _, draw: draw.uniform(-1, 1, test.shape),
    analysis.GaussianNoise: lambda test, settings, draw: np.clip(
        draw.normal(0.0, settings.stddev, test.shape), -1, 1
    ),
    analysis.Inverted: lambda test, *_: -test,
    analysis.Interpolated: lambda test, _, draw: interpolated(test, draw),
    analysis.Rotated: lambda test, *_: np.rot90(test, axes=(1, 2)),
}
