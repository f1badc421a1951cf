"""One seed per run, one key per consumer."""

import enum

import numpy as np
import tensorflow as tf


class Purpose(enum.IntEnum):
    """What randomness is used for; no two share a key."""

    WEIGHTS = 0
    DATA = 1
    STARTS = 2
    BANK = 3
    LEARNING = 4
    SAMPLES = 5
    BURN_IN = 6
    VALIDATION = 7
    TEST = 8
    ATTACKS = 9
    STATISTICS = 10
    PICTURES = 11
    SUBSET = 12
    POSITIVES = 13
    LABELLED = 14


def key(seed: int, purpose: Purpose) -> tf.Tensor:
    """The key int32 [2] of a consumer."""
    return tf.random.fold_in(tf.constant([seed, 0]), int(purpose))


def integer(seed: int, purpose: Purpose) -> int:
    """A seed below 2^32 for what takes integers."""
    return int(np.random.SeedSequence([seed, purpose]).generate_state(1)[0])
