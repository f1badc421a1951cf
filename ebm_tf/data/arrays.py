"""Datasets held in memory as bytes: exact shuffles, and resuming costs nothing."""

import re

import numpy as np
import tensorflow as tf

from ebm_tf.data.sources import Source
from ebm_tf.errors import DataError


def array_source(
    images: np.ndarray, labels: np.ndarray, *, name: str, split: str, origin: str
) -> Source:
    """A source of uint8 images [N,H,W,C] with labels [N]; an example is an index."""
    # tf.data runs on the host; as captured tensors the arrays are shared by all
    # epochs and never copied into a graph.
    with tf.device("CPU"):
        held_images = tf.constant(images)
        held_labels = tf.constant(labels, tf.int64)

    def shuffled(key: tf.Tensor, skip: tf.Tensor) -> tf.data.Dataset:
        order = tf.random.experimental.stateless_shuffle(tf.range(len(images)), key)
        return tf.data.Dataset.from_tensor_slices(order[skip:])

    def decode(index: tf.Tensor) -> dict[str, tf.Tensor]:
        return {
            "image": tf.gather(held_images, index),
            "label": tf.gather(held_labels, index),
        }

    return Source(
        name=name,
        split=split,
        origin=origin,
        num_examples=len(images),
        channels=images.shape[-1],
        one_size=True,
        in_order=lambda: tf.data.Dataset.range(len(images)),
        shuffled=shuffled,
        decode=decode,
    )


def digits(split: str, directory: str | None = None) -> Source:
    """The 1,797 handwritten digits [8,8,1] that scikit-learn brings along.

    They have no test split: "train" is all of them. What needs a held-out part takes
    slices such as "train[:1437]" and "train[1437:]", which are by different writers.

    Raises:
      DataError: for another split.
    """
    import sklearn.datasets  # here, because only this dataset pays for it

    del directory  # they come with a library
    images, labels = sklearn.datasets.load_digits(return_X_y=True)
    part = _slice_of_train(split, name="digits", num_examples=len(images))
    to_bytes = np.rint(np.reshape(images, [-1, 8, 8, 1]) * (255.0 / 16.0))
    return array_source(
        to_bytes.astype(np.uint8)[part],
        labels[part],
        name="digits",
        split=split,
        origin="scikit-learn",
    )


def _slice_of_train(split: str, *, name: str, num_examples: int) -> slice:
    """Reads "train" or "train[a:b]", the part of TFDS's notation that is used here."""
    match = re.fullmatch(r"train(?:\[(-?\d+)?:(-?\d+)?\])?", split)
    if match is None:
        raise DataError(
            f"Dataset {name} has no split {split!r}: it has train, and slices of it "
            "such as train[:1000]."
        )
    first, last = (None if text is None else int(text) for text in match.groups())
    part = slice(first, last)
    if not range(num_examples)[part]:
        raise DataError(f"Split {split!r} of dataset {name} has no examples.")
    return part
