"""Datasets held in memory: arrays, and functions that return them."""

import hashlib
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from ebm_tf.data.sources import Source, orders_of, subset
from ebm_tf.errors import DataError, UserError


def array_source(
    examples: np.ndarray,
    labels: np.ndarray | None = None,
    *,
    name: str,
    split: str,
    origin: str,
) -> Source:
    """A source of arrays; its shuffles are exact, and resuming costs nothing.

    Args:
      examples: images, uint8 [N,H,W,C] with C = 1 or 3, or what is used as it is,
        float32 [N,..].
      labels: integers [N]; none if None.
      name: of the dataset.
      split: of which these are the examples.
      origin: where they come from, for people to read.

    Raises:
      DataError: if the arrays are of another type or shape, or empty.
    """
    examples, labels = _checked(examples, labels, name)
    # tf.data runs on the host; as captured tensors the arrays are shared by all
    # epochs and never copied into a graph.
    with tf.device("CPU"):
        held = {"image": tf.constant(examples), "label": tf.constant(labels, tf.int64)}

    orders = orders_of(len(examples))
    return Source(
        name=name,
        split=split,
        origin=origin,
        num_examples=len(examples),
        shape=None if examples.dtype == np.uint8 else examples.shape[1:],
        one_size=True,
        in_order=orders.in_order,
        shuffled=orders.shuffled,
        decode=lambda encoded: {
            part: tf.gather(values, encoded["index"]) for part, values in held.items()
        },
        digest=lambda count: _digest(examples[:count], labels[:count]),
    )


def _digest(examples: np.ndarray, labels: np.ndarray) -> str:
    """The SHA-256 of arrays: their types, shapes and values."""
    digest = hashlib.sha256()
    for array in (examples, labels):
        digest.update(f"{_described(array)}:".encode())
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


def source_of(
    function: Callable[[str, str | None], Any],
    name: str,
    split: str,
    directory: str | None,
    *,
    origin: str | None = None,
) -> Source:
    """The split of a dataset that is a function.

    Args:
      function: (split, directory) -> examples, or (examples, labels), as for
        `array_source`, or a Source. It is asked for a whole split, of whose arrays a
        slice such as train[:1000] is taken here; a Source it is asked for the slice.
      name: the dataset's name.
      split: the part that is read.
      directory: where datasets lie.
      origin: where the arrays come from; if None, a hash of them.

    Raises:
      DataError: if the function fails or returns something else, or has no such split.
    """
    whole = split.partition("[")[0]
    found = _called(function, name, whole, directory)
    if isinstance(found, Source) and split != whole:
        found = _called(function, name, split, directory)
    if isinstance(found, Source):
        return found
    pair = found if isinstance(found, tuple) and len(found) == 2 else (found, None)
    examples, labels = _checked(*pair, name)
    part = slice_of(split, name, len(examples))
    examples, labels = examples[part], labels[part]
    if origin is None:
        digest = _digest(examples, labels)
        origin = f"{name} (SHA-256 of the examples {digest[:16]})"
    return array_source(examples, labels, name=name, split=split, origin=origin)


def few_of_each_class(
    source: Source, per_class: int, num_classes: int, seed: int, *, least: int = 1
) -> Source:
    """So many examples of each class, chosen by the seed, as if others had no labels.

    Args:
      source: whose images have one size.
      per_class: examples of each class.
      num_classes: classes are 0 to one less.
      seed: not negative.
      least: they are repeated until there are so many.

    Raises:
      DataError: if a class has too few, or images have different sizes.
    """
    if not source.one_size:
        raise DataError(
            f"Expected images of one size in dataset {source.name}, of which "
            f"{per_class} a class are held in memory."
        )
    decoded = source.in_order().map(source.decode)
    labels = np.array([part["label"] for part in decoded.as_numpy_iterator()])
    generator, chosen = np.random.default_rng(seed), []
    for label in range(num_classes):
        places = np.flatnonzero(labels == label)
        if len(places) < per_class:
            raise DataError(
                f"Expected {per_class} examples of each class in split "
                f"{source.split!r} of dataset {source.name}, but class {label} has "
                f"{len(places)}."
            )
        chosen += generator.choice(places, per_class, replace=False).tolist()
    few = subset(source, np.sort(chosen)).in_order().map(source.decode)
    images = np.stack([part["image"] for part in few.as_numpy_iterator()])
    times = -(-least // len(chosen))
    return array_source(
        np.concatenate([images] * times),
        np.concatenate([labels[np.sort(chosen)]] * times),
        name=source.name,
        split=source.split,
        origin=f"{per_class} of each class of {source.origin}",
    )


def digits(split: str, directory: str | None) -> tuple[np.ndarray, np.ndarray]:
    """The 1,797 handwritten digits [8,8,1] of scikit-learn.

    They have no test split: "train" is all of them. What needs a held-out part takes
    slices such as "train[:1437]" and "train[1437:]", which are by different writers.

    Raises:
      DataError: for another split.
    """
    import sklearn.datasets  # here, because only this dataset pays for it

    del directory  # they come with a library
    if split != "train":
        raise DataError(
            f"Dataset digits has no split {split!r}: it has train, and slices of it "
            "such as train[:1000]."
        )
    images, labels = sklearn.datasets.load_digits(return_X_y=True)
    to_bytes = np.rint(np.reshape(images, [-1, 8, 8, 1]) * (255.0 / 16.0))
    return to_bytes.astype(np.uint8), labels


def _called(function: Callable, name: str, split: str, directory: str | None) -> Any:
    try:
        return function(split, directory)
    except UserError:
        raise
    except Exception as error:  # a user's code may fail with anything
        reason = f"Dataset {name} failed on split {split!r}: {type(error).__name__}: "
        raise DataError(reason + " ".join(str(error).split())) from error


def _checked(examples: Any, labels: Any, name: str) -> tuple[np.ndarray, np.ndarray]:
    """The arrays, and labels -1 where there are none; DataError for other ones."""
    kind = (
        examples.dtype if isinstance(examples, np.ndarray) and examples.size else None
    )
    is_image = kind == np.uint8 and examples.ndim == 4 and examples.shape[-1] in (1, 3)
    if not is_image and not (kind == np.float32 and examples.ndim > 1):
        raise DataError(
            f"Expected dataset {name} to have examples uint8 [N,H,W,C], C = 1 or 3, or "
            f"float32 [N,..], got {_described(examples)}."
        )
    if labels is None:
        labels = np.full(len(examples), -1)
    is_integer = isinstance(labels, np.ndarray) and labels.dtype.kind in "iu"
    if not is_integer or labels.shape != examples.shape[:1]:
        raise DataError(
            f"Expected dataset {name} to have labels int [{len(examples)}], got "
            f"{_described(labels)}."
        )
    return examples, labels


def _described(value: Any) -> str:
    if isinstance(value, np.ndarray):
        return f"{value.dtype} [{','.join(map(str, value.shape))}]"
    return type(value).__name__


def slice_of(split: str, name: str, num_examples: int) -> slice:
    """Reads "NAME" or "NAME[a:b]"; DataError for others, such as sums and percents."""
    match = re.fullmatch(r"[\w-]*(?:\[(-?\d+)?:(-?\d+)?\])?", split)
    if match is None:
        raise DataError(
            f"Dataset {name} has no split {split!r}: expected a name or a slice such "
            "as train[:1000]."
        )
    part = slice(*(None if text is None else int(text) for text in match.groups()))
    if not range(num_examples)[part]:
        raise DataError(f"Split {split!r} of dataset {name} has no examples.")
    return part
