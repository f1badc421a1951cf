"""What a source of data is, and its order as a pure function of (seed, epoch)."""

import dataclasses
import functools
import hashlib
import re
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, cast

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from ebm_tf.config.parts import Data
from ebm_tf.errors import DataError
from ebm_tf.protocols import Directions

# The first images of most datasets have all their classes.
FIRST_FEW = 500
NO_IDS = np.zeros(0, np.str_)
PREPARE_AGAIN = "prepare it again with tools/prepare_data.py --overwrite"


class Source(NamedTuple):
    """One split of a dataset, as encoded examples in a reproducible order.

    An encoded example is a dictionary with its "index" in the split, int64 [], and
    whatever `decode` needs beside it.

    Attributes:
      name: the dataset's name.
      split: the part that is read.
      origin: where it lies, for people to read.
      num_examples: how many examples the split has.
      shape: of examples that are used as they are, float32; None where they are
        images, which are cropped, scaled and augmented as a config says.
      one_size: whether all images have one size, so that decode takes batches too.
      in_order: () -> dataset of the encoded examples in file order.
      shuffled: (key [2], skip []) -> dataset of the encoded examples of an epoch in
        the order that belongs to the key, without the first skip. Tensors, because
        it is called while tf.data traces the epochs.
      decode: encoded example -> {"image": uint8 [H,W,C] or float32 of the shape,
        "label": int64 [], -1 where there is none}.
      digest: count -> a hash of the content of so many examples, the first ones in
        file order. What is kept of a source has it in its key, because a place and a
        number of examples stay the same where a dataset is prepared again.
      classes: names of the classes 0, 1 .. where they are known.
      notes: what a user should know about the images, a part of a line each.
      remedy: what to do where images turn out to be damaged while they are read.
      ids: () -> what the dataset itself calls its examples, str [num_examples] in file
        order, such as the `id` of TFDS or names of files; [0] where it names none.
      published_by_id: whether the order of ids is that of the published dataset.
      directions: to the nearest images of other classes, of data that are made by a
        rule.
    """

    name: str
    split: str
    origin: str
    num_examples: int
    shape: tuple[int, ...] | None
    one_size: bool
    in_order: Callable[[], tf.data.Dataset]
    shuffled: Callable[[tf.Tensor, tf.Tensor], tf.data.Dataset]
    decode: Callable[[dict[str, tf.Tensor]], dict[str, tf.Tensor]]
    digest: Callable[[int], str]
    classes: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    remedy: str = PREPARE_AGAIN
    ids: Callable[[], np.ndarray] = lambda: NO_IDS
    published_by_id: bool = False
    directions: Directions | None = None


def deferred(opening: Callable[[], Source]) -> Source:
    """A source that is opened once, when it is first asked for anything.

    So all that needs no data is composed and described before data are missing.
    What `opening` raises is raised then.
    """
    return cast(Source, _Deferred(functools.cache(opening)))


class _Deferred:
    """Has the attributes of what is opened then."""

    def __init__(self, opened: Callable[[], Source]):
        self._opened = opened

    def __getattr__(self, name: str) -> Any:
        return getattr(self._opened(), name)


def epoch_keys(seed: int, epoch: tf.Tensor) -> list[tf.Tensor]:
    """Two keys [2] of an epoch, int64 []: of its order and of its augmentation.

    The seed is not negative.
    """
    # Hashed, so that no other consumer of the same seed meets these keys.
    words = np.random.SeedSequence([seed, 0xDA7A]).generate_state(2, np.uint64)
    key = tf.random.experimental.stateless_fold_in(words.view(np.int64), epoch)
    return tf.unstack(tf.random.experimental.stateless_split(key, 2))


class Orders(NamedTuple):
    """`in_order` and `shuffled` of a source whose examples are {"index"} alone."""

    in_order: Callable[[], tf.data.Dataset]
    shuffled: Callable[[tf.Tensor, tf.Tensor], tf.data.Dataset]


def orders_of(num_examples: int) -> Orders:
    """Orders of examples that any access finds: shuffles are exact, resuming free."""

    def shuffled(key: tf.Tensor, skip: tf.Tensor) -> tf.data.Dataset:
        indices = tf.range(num_examples, dtype=tf.int64)
        order = tf.random.experimental.stateless_shuffle(indices, key)
        return tf.data.Dataset.from_tensor_slices({"index": order[skip:]})

    return Orders(
        lambda: tf.data.Dataset.from_tensor_slices({"index": np.arange(num_examples)}),
        shuffled,
    )


def positions_at_random(num_examples: int, num: int, seed: int) -> np.ndarray:
    """Different positions of a split, drawn evenly: int64 [min(num, num_examples)].

    They rise. The seed is not negative.
    """
    generator = np.random.default_rng(seed)
    count = min(num, num_examples)
    return np.sort(generator.choice(num_examples, count, replace=False))


def first_positions(source: Source, num: int) -> np.ndarray:
    """Where the first examples of a dataset lie: int64 [min(num, num_examples)].

    Records of TFDS lie in the order of a hash, but an id has the place that an example
    has in the published files: the first are those of the lowest ids, numbers in them
    by their size. Elsewhere they are the first in file order.
    """
    if not source.published_by_id or not len(ids := source.ids()):
        return np.arange(min(num, source.num_examples))
    order = sorted(range(len(ids)), key=lambda place: _natural_order(ids[place]))
    return np.sort(np.array(order[:num], np.int64))


def _natural_order(name: str) -> list[tuple[int, str]]:
    """A key that sorts names with numbers in them as people do."""
    parts = re.split(r"(\d+)", name)
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in parts]


def subset(source: Source, positions: np.ndarray) -> Source:
    """The examples of a source at rising positions, int64 [n].

    In every order they come as in that of the source; what was not chosen is never
    decoded.
    """
    is_chosen = np.zeros(source.num_examples, bool)
    is_chosen[positions] = True

    def kept(examples: tf.data.Dataset) -> tf.data.Dataset:
        chosen = examples.filter(lambda one: tf.gather(is_chosen, one["index"]))
        return chosen.take(len(positions))

    def shuffled(key: tf.Tensor, skip: tf.Tensor) -> tf.data.Dataset:
        return kept(source.shuffled(key, tf.constant(0, tf.int64))).skip(skip)

    def ids() -> np.ndarray:
        names = source.ids()
        return names[positions] if len(names) else names

    def digest(count: int) -> str:
        chosen = np.asarray(positions[:count], np.int64)
        whole = source.digest(source.num_examples).encode()
        return hashlib.sha256(whole + chosen.tobytes()).hexdigest()

    return source._replace(
        num_examples=len(positions),
        in_order=lambda: kept(source.in_order()),
        shuffled=shuffled,
        digest=digest,
        ids=ids,
    )


def require_classes(
    labels: npt.ArrayLike, num_classes: int, source: Source, *, setting: str
) -> None:
    """Checks that labels are classes.

    Args:
      labels: integers [n], of some images of the source.
      num_classes: classes are 0 to one less.
      source: where the labels come from, for the message.
      setting: that names the number of classes, such as "classifier.num_classes".

    Raises:
      DataError: if one is none of the classes.
    """
    least, most = np.min(labels), np.max(labels)
    if most < 0:
        raise DataError(
            f"Split {source.split!r} of dataset {source.name} has no labels, but "
            f"{setting}={num_classes} needs some (of a folder, two sub-folders or "
            "more are classes)."
        )
    if source.classes:
        _require_these_classes(source, num_classes, setting)
    if least < 0 or most >= num_classes:
        raise DataError(
            f"Split {source.split!r} of dataset {source.name} has labels {least} to "
            f"{most}, but {setting}={num_classes}."
        )


def _require_these_classes(source: Source, num_classes: int, setting: str) -> None:
    there, names = len(source.classes), shown(source.classes)
    if there == 1:
        raise DataError(
            f"Dataset {source.name} in {source.origin} has one class, {names}, where "
            "at least two are distinguished."
        )
    if there != num_classes:
        raise DataError(
            f"Dataset {source.name} in {source.origin} has {there} classes, {names}, "
            f"but {setting}={num_classes}: --set {setting}={there}."
        )


def where_it_lies(source: Source) -> str:
    """Where images lie, their classes and what is done to them, for people."""
    parts = [source.origin]
    if source.classes:
        parts.append(f"{len(source.classes):,} classes: {shown(source.classes)}")
    return "; ".join([*parts, *source.notes])


def shown(names: Sequence[str], most: int = 10) -> str:
    """Names in a line, the first ones of many."""
    more = f" and {len(names) - most:,} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def unaugmented(data: Data, split: str | None = None) -> Data:
    """The data without augmentation, perhaps of another split."""
    return dataclasses.replace(
        data, split=split or data.split, random_crop=False, padding=0, flip=False
    )
