"""The order of data as a pure function of (seed, epoch), and what a source is."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import tensorflow as tf


class Source(NamedTuple):
    """One split of a dataset, as encoded examples in a reproducible order.

    Attributes:
      name: the dataset's name.
      split: the part that is read.
      origin: where it lies, for people to read.
      num_examples: how many examples the split has.
      channels: channels of a decoded image.
      one_size: whether all images have one size, so that decode takes batches too.
      in_order: () -> dataset of the encoded examples in file order.
      shuffled: (key [2], skip []) -> dataset of the encoded examples of an epoch in
        the order that belongs to the key, without the first skip. Tensors, because
        it is called while tf.data traces the epochs.
      decode: encoded example -> {"image": uint8 [H,W,C], "label": int64 [], -1 where
        there is none}.
    """

    name: str
    split: str
    origin: str
    num_examples: int
    channels: int
    one_size: bool
    in_order: Callable[[], tf.data.Dataset]
    shuffled: Callable[[tf.Tensor, tf.Tensor], tf.data.Dataset]
    decode: Callable[..., dict[str, tf.Tensor]]


class EpochKeys(NamedTuple):
    """Keys [2] for stateless random numbers; each is used for one thing."""

    order: tf.Tensor
    images: tf.Tensor


def epoch_keys(seed: int, epoch: tf.Tensor) -> EpochKeys:
    """The keys that belong to (seed, epoch); seed is not negative, epoch int64 []."""
    # Hashed, so that no other consumer of the same seed meets these keys.
    words = np.random.SeedSequence([seed, 0xDA7A]).generate_state(2, np.uint64)
    key = tf.random.experimental.stateless_fold_in(words.view(np.int64), epoch)
    return EpochKeys(*tf.unstack(tf.random.experimental.stateless_split(key, 2)))
