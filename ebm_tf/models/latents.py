"""Latents of the generators.

A latent is one row of floats, whatever its generator: it can be stored in a replay
buffer and given to the same generator again. The class of a conditional generator is
drawn once, with the rest of the latent, and travels as its last column.
"""

from collections.abc import Callable
from typing import Any

import tensorflow as tf
from keras import ops

# (n, seed) -> float32 latents [n, size], `seed` being an int32 key of two numbers.
LatentsFn = Callable[[int, tf.Tensor], tf.Tensor]

NUM_CLASSES = 1000


def with_classes(vectors: tf.Tensor, classes: tf.Tensor) -> tf.Tensor:
    """Joins vectors [B,D] and integer classes [B] to latents [B,D+1]."""
    column = tf.cast(classes, tf.float32)[:, tf.newaxis]
    return tf.concat([vectors, column], axis=1)


def classes_of(latents: Any) -> Any:
    """The classes int32 [B] of latents [B,D+1], which may be symbolic."""
    return ops.cast(ops.round(latents[:, -1]), "int32")


def standard_normal(
    latent_size: int = 128, num_classes: int | None = None
) -> LatentsFn:
    """Independent standard normals (Miyato et al., 2018): [n,latent_size].

    With classes a uniformly random one follows in a last column: [n,latent_size+1].
    """

    def draw(n: int, seed: tf.Tensor) -> tf.Tensor:
        return tf.random.stateless_normal([n, latent_size], seed)

    return draw if num_classes is None else _with_class(draw, num_classes)


def truncated_normal(latent_size: int = 128, truncation: float = 1.0) -> LatentsFn:
    """Standard normals cut at 2 and scaled (Brock et al., 2019): [n,latent_size]."""

    def draw(n: int, seed: tf.Tensor) -> tf.Tensor:
        return truncation * tf.random.stateless_truncated_normal([n, latent_size], seed)

    return draw


def truncated_normal_with_class(
    latent_size: int = 128, truncation: float = 1.0
) -> LatentsFn:
    """The same with one of NUM_CLASSES in a last column: [n,latent_size+1]."""
    return _with_class(truncated_normal(latent_size, truncation), NUM_CLASSES)


def _with_class(draw_vectors: LatentsFn, num_classes: int) -> LatentsFn:
    def draw(n: int, seed: tf.Tensor) -> tf.Tensor:
        vector_seed, class_seed = tf.unstack(tf.random.split(seed, 2))
        classes = tf.random.stateless_uniform(
            [n], class_seed, maxval=num_classes, dtype=tf.int32
        )
        return with_classes(draw_vectors(n, vector_seed), classes)

    return draw
