"""Random numbers of many keys at once: what each key draws depends on it alone.

TensorFlow's stateless operations take one key for a whole batch, so that the noise of
an image would change with its place in the batch. Here every row has a key.
"""

import math

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


def normal(keys: tf.Tensor, shape: tf.TensorShape) -> tf.Tensor:
    """Standard normal numbers float32 [n, *shape], of keys int32 [n, 2].

    Source: Box and Muller (1958). XLA and what is not compiled get the same words.
    """
    num = shape.num_elements()
    positions = _unsigned(tf.range((num + 1) // 2))
    words = threefry(_words(keys[:, None]), (positions, tf.constant(_DRAWN, tf.uint32)))
    # Of 24 bits each: the radius is of (0, 1], the angle of [0, 1).
    uniform, turn = (
        tf.cast(
            tf.bitcast(tf.bitwise.right_shift(word, _shift(8)), tf.int32), tf.float32
        )
        for word in words
    )
    radius = tf.sqrt(-2.0 * tf.math.log((uniform + 1.0) * 2.0**-24))
    angle = turn * (2.0 * math.pi * 2.0**-24)
    pairs = tf.concat([radius * tf.cos(angle), radius * tf.sin(angle)], 1)
    return tf.reshape(pairs[:, :num], [-1, *shape])


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
