"""Random numbers of many keys at once: what each key draws depends on it alone.

TensorFlow's stateless operations take one key for a whole batch, so that the noise of
an image would change with its place in the batch. Here every row has a key.
"""

import math
from collections.abc import Sequence

import tensorflow as tf

# Threefry-2x32 with 20 rounds (Salmon et al., 2011).
_ROTATIONS = ((13, 15, 26, 6), (17, 29, 16, 24))
_PARITY = 0x1BD11BDA

# Second words of counters: keys that are made never meet numbers that are drawn.
_DRAWN, _FOLDED = 0, 1


def threefry(
    keys: tuple[tf.Tensor, tf.Tensor], counters: tuple[tf.Tensor, tf.Tensor]
) -> tuple[tf.Tensor, tf.Tensor]:
    """Mixes pairs of words, uint32 of shapes that broadcast, into random ones."""
    schedule = (*keys, keys[0] ^ keys[1] ^ tf.constant(_PARITY, tf.uint32))
    first, second = counters[0] + keys[0], counters[1] + keys[1]
    for group in range(5):
        for distance in _ROTATIONS[group % 2]:
            first = first + second
            second = _rotated(second, distance) ^ first
        first = first + schedule[(group + 1) % 3]
        second = second + schedule[(group + 2) % 3] + tf.constant(group + 1, tf.uint32)
    return first, second


def fold_in(keys: tf.Tensor, data: tf.Tensor | int) -> tf.Tensor:
    """Keys int32 [..., 2] of keys [..., 2] and integers that broadcast with [...]."""
    words = _words(keys)
    counters = _unsigned(data), tf.constant(_FOLDED, tf.uint32)
    return tf.bitcast(tf.stack(threefry(words, counters), -1), tf.int32)


def replicate_keys(keys: tf.Tensor, numbers: tf.Tensor) -> tf.Tensor:
    """The keys int32 [n * r, 2] of replicates with numbers [r] of n keys [n, 2].

    Those of one key lie side by side, as `tf.repeat` lays out its images.
    """
    return tf.reshape(fold_in(keys[:, None], numbers), [-1, 2])


def folded(keys: tf.Tensor, data: tf.Tensor | int) -> tf.Tensor:
    """The same of keys [n, 2]; of one key [2], TensorFlow's own `fold_in`."""
    of_one = keys.shape.rank == 1
    return tf.random.fold_in(keys, data) if of_one else fold_in(keys, data)


def divided(keys: tf.Tensor, count: int) -> list[tf.Tensor]:
    """So many keys in place of each of [n, 2]; or of one key [2]."""
    return [part(keys, count, number) for number in range(count)]


def part(keys: tf.Tensor, count: int, number: int) -> tf.Tensor:
    """One of those that `divided` gives, without the others."""
    of_one = keys.shape.rank == 1
    return tf.random.split(keys, count)[number] if of_one else fold_in(keys, number)


def draws(keys: tf.Tensor, num: int, shape: Sequence[int]) -> tf.Tensor:
    """Uniform numbers float32 [num, *shape] in [0, 1), of keys [num, 2] or one [2]."""
    if keys.shape.rank == 1:
        return tf.random.stateless_uniform([num, *shape], keys)
    return uniform(keys, tf.TensorShape(shape))


def uniform(keys: tf.Tensor, shape: tf.TensorShape) -> tf.Tensor:
    """Uniform numbers float32 [n, *shape] in [0, 1), of keys int32 [n, 2]."""
    num = shape.num_elements()
    numbers = tf.concat(_bits(keys, num), 1)[:, :num] * 2.0**-24
    return tf.reshape(numbers, [-1, *shape])


def normal(keys: tf.Tensor, shape: tf.TensorShape) -> tf.Tensor:
    """Standard normal numbers float32 [n, *shape], of keys int32 [n, 2].

    Source: Box and Muller (1958). XLA and what is not compiled get the same words.
    """
    num = shape.num_elements()
    # The radius is of (0, 1], the angle of [0, 1).
    first, turn = _bits(keys, num)
    radius = tf.sqrt(-2.0 * tf.math.log((first + 1.0) * 2.0**-24))
    angle = turn * (2.0 * math.pi * 2.0**-24)
    pairs = tf.concat([radius * tf.cos(angle), radius * tf.sin(angle)], 1)
    return tf.reshape(pairs[:, :num], [-1, *shape])


def _bits(keys: tf.Tensor, num: int) -> tuple[tf.Tensor, tf.Tensor]:
    """Two halves of `num` numbers of 24 bits at least, float32 [n, num / 2]."""
    positions = _unsigned(tf.range((num + 1) // 2))
    words = threefry(_words(keys[:, None]), (positions, tf.constant(_DRAWN, tf.uint32)))
    first, second = (
        tf.cast(
            tf.bitcast(tf.bitwise.right_shift(word, _shift(8)), tf.int32), tf.float32
        )
        for word in words
    )
    return first, second


def _words(keys: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    first, second = tf.unstack(_unsigned(keys), axis=-1)
    return first, second


def _unsigned(values: tf.Tensor | int) -> tf.Tensor:
    return tf.bitcast(tf.cast(values, tf.int32), tf.uint32)


def _shift(distance: int) -> tf.Tensor:
    return tf.constant(distance, tf.uint32)


def _rotated(words: tf.Tensor, distance: int) -> tf.Tensor:
    return tf.bitwise.left_shift(words, _shift(distance)) | tf.bitwise.right_shift(
        words, _shift(32 - distance)
    )
