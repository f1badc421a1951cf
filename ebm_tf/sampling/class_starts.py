"""Where chains of classes start, as the settings of a generation say."""

import os
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from ebm_tf import pixels
from ebm_tf.config.generation import (
    AnyStart,
    ClassGaussian,
    ClassPca,
    Mixture,
    NoisyData,
    UniformStart,
)
from ebm_tf.errors import DataError
from ebm_tf.protocols import Chains, InitializeFn
from ebm_tf.sampling.class_pca import gaussians, kept_components
from ebm_tf.sampling.initialization import (
    class_gaussian_start,
    class_gaussians,
    in_turn,
    noise_start,
    started,
)

# The number of the first chain's class, an int32 scalar -> where chains start of which
# each has the next class.
StartFn = Callable[[tf.Tensor], InitializeFn]


class ClassImages(NamedTuple):
    """The images of the classes that chains have, in their order.

    Attributes:
      shape: of an image.
      images: of each class, float32 [n, H, W, C] in [-1, 1]; none where starts need
        none.
      labels: of these classes.
      kept: what the paths of files begin with that keep what is computed of them.
      seed: of the run, by which some of them are drawn.
    """

    shape: tuple[int, int, int]
    images: Sequence[np.ndarray]
    labels: Sequence[int]
    kept: str
    seed: int


def needs_images(settings: AnyStart) -> bool:
    """Whether a start is made of images of the classes."""
    parts = settings.of if isinstance(settings, Mixture) else (settings,)
    return any(not isinstance(part, UniformStart) for part in parts)


def by_class(
    images: np.ndarray, labels: np.ndarray, classes: Sequence[int]
) -> list[np.ndarray]:
    """The images of each of the classes.

    Raises:
      DataError: if one has fewer than two.
    """
    found = [images[labels == label] for label in classes]
    for label, own in zip(classes, found, strict=True):
        if len(own) < 2:
            raise DataError(
                f"Expected at least two images of class {label} to start from, got "
                f"{len(own)}."
            )
    return found


def class_start(settings: AnyStart, data: ClassImages) -> StartFn:
    """The start that settings name; what is computed of the images is kept."""
    match settings:
        case UniformStart():
            return lambda first: noise_start(data.shape, settings.scale)
        case ClassGaussian():
            return _gaussian(data)
        case ClassPca():
            return _pca(settings, data)
        case NoisyData():
            return _noisy(settings, data)
        case Mixture():
            return _mixture([class_start(part, data) for part in settings.of])


def _gaussian(data: ClassImages) -> StartFn:
    images = np.concatenate(data.images)
    numbers = np.repeat(np.arange(len(data.images)), [len(own) for own in data.images])
    found = class_gaussians(images, numbers, len(data.images))
    return lambda first: class_gaussian_start(found, data.shape, first)


def _pca(settings: ClassPca, data: ClassImages) -> StartFn:
    parts = [
        kept_components(own.reshape(len(own), -1), f"{data.kept}_class_{label}")
        for label, own in zip(data.labels, data.images, strict=True)
    ]
    found = gaussians(
        parts,
        retained=settings.retained,
        num_components=settings.num_components,
        temperature=settings.temperature,
    )
    return lambda first: class_gaussian_start(found, data.shape, first, ridge=0.0)


def _noisy(settings: NoisyData, data: ClassImages) -> StartFn:
    """Images are held in 8 bits, and as many of each class, some of them twice."""
    generator = np.random.default_rng(data.seed)
    held = np.stack(
        [
            pixels.to_bytes(own[_drawn(generator, len(own), settings.num_per_class)])
            for own in data.images
        ]
    )

    def start(first: tf.Tensor) -> InitializeFn:
        def initialize(n: int, seed: tf.Tensor) -> Chains:
            keys = tf.unstack(tf.random.split(seed, 2))
            num_classes, num = held.shape[:2]
            shape = [num_classes, -(-n // num_classes)]
            chosen = tf.random.stateless_uniform(shape, keys[0], 0, num, tf.int32)
            images = tf.gather(tf.constant(held), chosen, axis=1, batch_dims=1)
            images = pixels.from_bytes(in_turn(images, n, first))
            noise = tf.random.stateless_normal(tf.shape(images), keys[1])
            noisy = images + settings.stddev * noise
            return started(tf.clip_by_value(noisy, -1.0, 1.0))

        return initialize

    return start


def _drawn(generator: np.random.Generator, total: int, num: int) -> np.ndarray:
    """`num` positions below `total`, none twice where there are enough."""
    return np.resize(generator.permutation(total), num)


def _mixture(starts: Sequence[StartFn]) -> StartFn:
    def start(first: tf.Tensor) -> InitializeFn:
        def initialize(n: int, seed: tf.Tensor) -> Chains:
            key, *keys = tf.unstack(tf.random.split(seed, 1 + len(starts)))
            begun = [
                start(first)(n, key).images
                for start, key in zip(starts, keys, strict=True)
            ]
            which = tf.random.stateless_uniform([n], key, 0, len(starts), tf.int32)
            index = tf.stack([which, tf.range(n)], axis=-1)
            return started(tf.gather_nd(tf.stack(begun), index))

        return initialize

    return start


def kept_stem(folder: str, data_name: str) -> str:
    """What the paths begin with of the files that keep components of a dataset."""
    return os.path.join(folder, "class_pca", os.path.basename(data_name))
