"""Points of two concentric spheres, drawn when they are asked for.

They are images of one pixel whose channels are the coordinates. In file order a split
is always the same; every epoch of learning has points of its own, so that none is
learned from twice.

Source: Bigolin Lanfredi et al. (2023), after Gilmer et al. (2018).
"""

import hashlib
import zlib

import numpy as np
import tensorflow as tf

from ebm_tf import keyed_noise
from ebm_tf.config.parts import Data
from ebm_tf.data.arrays import slice_of
from ebm_tf.data.sources import Source
from ebm_tf.errors import DataError

# Of the classes 0 and 1.
RADII = (1.0, 1.3)
SIZES = {"train": 500_000, "validation": 10_000, "test": 10_000}
# Folded into the key of a point, to draw its class.
_CLASS = 1


def spheres_source(data: Data) -> Source:
    """A split of the spheres, in as many dimensions as the config has channels.

    Args:
      data: of `image_size` 1; the split is one of SIZES or a slice of one, which says
        how many points an epoch has.

    Raises:
      DataError: if there is no such split, or examples are no points.
    """
    if data.image_size != 1:
        raise DataError(
            f"Expected data.image_size={data.image_size} to be 1 for spheres, whose "
            "dimensions are data.channels."
        )
    name = data.split.partition("[")[0]
    if name not in SIZES:
        raise DataError(
            f"Dataset spheres has no split {data.split!r}: it has {', '.join(SIZES)}."
        )
    chosen = range(SIZES[name])[slice_of(data.split, "spheres", SIZES[name])]
    own_key = np.array([zlib.crc32(name.encode()), 0])

    def points(key: tf.Tensor, skip: tf.Tensor | int) -> tf.data.Dataset:
        keys = tf.data.Dataset.from_tensors(key).repeat()
        indices = tf.data.Dataset.range(skip, len(chosen))
        return tf.data.Dataset.zip({"index": indices, "key": keys})

    def decode(encoded: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        keys, index = tf.reshape(encoded["key"], [-1, 2]), encoded["index"]
        keys = keyed_noise.fold_in(keys, chosen[0] + tf.reshape(index, [-1]))
        images, labels = drawn(keys, data.channels)
        shape = [1, 1, data.channels]
        images = tf.reshape(images, tf.concat([tf.shape(index), shape], 0))
        images = tf.ensure_shape(images, index.shape.concatenate(shape))
        return {"image": images, "label": tf.reshape(labels, tf.shape(index))}

    def digest(count: int) -> str:
        words = f"spheres {name} {chosen[:count]} {data.channels}"
        return hashlib.sha256(words.encode()).hexdigest()

    return Source(
        name="spheres",
        split=data.split,
        origin=f"radii {RADII[0]:g} and {RADII[1]:g} in {data.channels} dimensions",
        num_examples=len(chosen),
        shape=(1, 1, data.channels),
        one_size=True,
        in_order=lambda: points(tf.constant(own_key), 0),
        shuffled=points,
        decode=decode,
        digest=digest,
        notes=("new points in every epoch",) if name == "train" else (),
        directions=directions,
    )


def drawn(keys: tf.Tensor, dimensions: int) -> tuple[tf.Tensor, tf.Tensor]:
    """Points float32 [n, 1, 1, d] and their classes int64 [n], of keys int32 [n, 2]."""
    labels = keyed_noise.fold_in(keys, _CLASS)[:, 0] & 1
    normal = keyed_noise.normal(keys, tf.TensorShape([1, 1, dimensions]))
    radii = tf.gather(tf.constant(RADII), labels)[:, None, None, None]
    return radii * normal / _lengths(normal), tf.cast(labels, tf.int64)


def directions(
    images: tf.Tensor, labels: tf.Tensor, wrong: tf.Tensor, seed: tf.Tensor
) -> tf.Tensor:
    """To the nearest point of the other sphere, wherever a point is: `Directions`."""
    del labels, seed
    radii = tf.gather(tf.constant(RADII), wrong)[:, None, None, None]
    return (radii / _lengths(images) - 1.0) * images


def _lengths(points: tf.Tensor) -> tf.Tensor:
    return tf.norm(points, axis=-1, keepdims=True)
