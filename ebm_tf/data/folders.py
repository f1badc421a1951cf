"""The dataset "folder": images that lie in a folder, a zip or a tar.

Folders below it are classes, at any depth, sorted by their names; those that are named
train, validation or test, where there are no others, are splits with classes in them.
Other splits are shares of these, or of all as "train": "train[:90%]". The images of a
split come in the order of a hash of their paths, so that every share has some of all
classes and is the same in every process, and a folder is one with a zip of it.
"""

import functools
import hashlib
import os
import pathlib
from collections import Counter
from collections.abc import Iterator, Mapping

import numpy as np
import tensorflow as tf

from ebm_tf import pixels
from ebm_tf.config.parts import Data
from ebm_tf.data import image_files, image_index
from ebm_tf.data.arrays import array_source
from ebm_tf.data.image_index import (
    CHANGED,
    IndexedImages,
    left_out,
    open_index,
    readable,
)
from ebm_tf.data.images import crops_at_random, preprocess
from ebm_tf.data.own_places import (
    Place,
    num_shared,
    parts_of,
    parts_of_split,
    place_of,
    placed,
)
from ebm_tf.data.prepared import raises_data_errors
from ebm_tf.data.sources import Source, orders_of
from ebm_tf.runtime.files import content_of

# Smaller ones are decoded once and held; larger ones are decoded as they are used.
MOST_HELD_FILES = 2**28  # bytes of the files
MOST_HELD_PIXELS = 2**30  # bytes of the images as they are used

_SKIP = "--set data.skip_unreadable"


def folder_source(data: Data) -> Source:
    """The split of the folder that a config names.

    Raises:
      DataError: if it is missing, has no images, or some that cannot be read, or there
        is no such split.
    """
    raw = place_of(data)
    images = open_index(raw)
    names = images.index.names
    places = placed({os.path.dirname(name) for name in names})
    classes = tuple(sorted({p.label for p in places.values() if p.label is not None}))
    numbers = {None: -1} | {label: i for i, label in enumerate(classes)}
    chosen = _chosen(images, places, data, raw)
    labels = np.array(
        [numbers[places[os.path.dirname(names[i])].label] for i in chosen], np.int64
    )
    source = _streamed(images, chosen, labels, data)._replace(
        classes=classes, notes=tuple(_notes(images, chosen, labels, data))
    )
    return _held(source, data) if _is_small(images, chosen, data) else source


def _chosen(
    images: IndexedImages, places: Mapping[str, Place], data: Data, raw: pathlib.Path
) -> np.ndarray:
    """Where in the index the images of the split are, in their order.

    Raises:
      DataError: if there is no such split, or an image of it cannot be read.
    """
    index, start = images.index, num_shared(places)
    splits: dict[str, list[int]] = {}
    for i, name in enumerate(index.names):
        splits.setdefault(places[os.path.dirname(name)].split, []).append(i)
    parts = parts_of_split({name: len(held) for name, held in splits.items()}, data)
    chosen = np.concatenate(
        [_in_order(index.names, start, splits[name])[part] for name, part in parts]
    )
    return readable(index, chosen, raw, skip=data.skip_unreadable, setting=_SKIP)


def _in_order(names: list[str], start: int, held: list[int]) -> np.ndarray:
    """Positions in the order of a hash of their names, without the first folders."""

    def rank(i: int) -> bytes:
        name = "/".join(parts_of(names[i])[start:])
        return hashlib.blake2b(name.encode(), digest_size=8).digest()

    return np.array(sorted(held, key=rank))


def _streamed(
    images: IndexedImages, chosen: np.ndarray, labels: np.ndarray, data: Data
) -> Source:
    """A source that reads files as they are needed."""
    index, raw = images.index, pathlib.Path(str(data.path)).expanduser().absolute()
    names = [index.names[i] for i in chosen]
    with tf.device("CPU"):  # shared by all epochs, never copied into a graph
        paths = tf.constant([os.fspath(raw / name) for name in names])
        is_plain = tf.constant(index.kinds[chosen] != CHANGED)
        held_labels = tf.constant(labels)

    def upright(position: np.ndarray) -> bytes:
        name = names[int(position)]
        return image_files.upright(images.read(name), name, Counter())

    def decode(encoded: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        i = encoded["index"]
        content = tf.cond(
            tf.gather(is_plain, i),
            lambda: content_of(tf.gather(paths, i)),
            lambda: tf.numpy_function(upright, [i], tf.string),
        )
        content = tf.ensure_shape(content, [])
        image = tf.image.decode_image(content, channels=3, expand_animations=False)
        image = tf.ensure_shape(image, [None, None, 3])
        return {"image": image, "label": tf.gather(held_labels, i)}

    place = images.place
    return Source(
        name=f"folder {raw.name}",
        split=data.split,
        origin=os.fspath(raw),
        num_examples=len(chosen),
        shape=None,
        one_size=False,
        **orders_of(len(chosen))._asdict(),
        decode=decode,
        digest=functools.partial(_digest, index.digests[chosen], labels),
        remedy=f"remove {place} and run it again" if place else "run it again",
        ids=lambda: np.array(names),
    )


def _digest(digests: np.ndarray, labels: np.ndarray, count: int) -> str:
    digest = hashlib.sha256(digests[:count].tobytes())
    digest.update(labels[:count].tobytes())
    return digest.hexdigest()


def _is_small(images: IndexedImages, chosen: np.ndarray, data: Data) -> bool:
    """Whether images are decoded once and held: not where crops are random."""
    used = len(chosen) * data.image_size**2 * data.channels
    files = int(images.index.stamps[chosen, 0].sum())
    is_small = files <= MOST_HELD_FILES and used <= MOST_HELD_PIXELS
    return is_small and not crops_at_random(data)


def _held(source: Source, data: Data) -> Source:
    """The same, with the images at the size at which they are used, as bytes."""

    def prepare(encoded: dict[str, tf.Tensor]) -> tuple[tf.Tensor, tf.Tensor]:
        example = source.decode(encoded)
        return preprocess(example["image"], data, None), example["label"]

    shape = (data.image_size, data.image_size, data.channels)
    images = np.empty([source.num_examples, *shape], np.uint8)
    labels = np.empty(source.num_examples, np.int64)
    filled = 0
    with raises_data_errors(source):
        batches = source.in_order().map(prepare, tf.data.AUTOTUNE).batch(256)
        for some_images, some_labels in batches.as_numpy_iterator():
            end = filled + len(some_labels)
            images[filled:end] = pixels.to_bytes(some_images)
            labels[filled:end] = some_labels
            filled = end
    facts = {"name": source.name, "split": source.split, "origin": source.origin}
    return array_source(images, labels, **facts)._replace(
        classes=source.classes,
        notes=source.notes,
        digest=source.digest,
        remedy=source.remedy,
        ids=source.ids,
    )


def _notes(
    images: IndexedImages, chosen: np.ndarray, labels: np.ndarray, data: Data
) -> Iterator[str]:
    """What is reported of the images of a split."""
    index = images.index
    if (labels >= 0).any() and (labels < 0).any():
        yield f"{int((labels < 0).sum()):,} beside the folders of classes, in none"
    yield sides_note(index.sides[chosen], data)
    changes = Counter(
        remark
        for i in chosen[index.kinds[chosen] == CHANGED]
        for remark in index.remarks.get(index.names[i], [])
    )
    yield from (note.rstrip(".") for note in image_files.notes(changes))
    yield from (note.rstrip(".") for note in left_out(index))
    if images.place is None:
        yield (
            "The index could not be kept, so all files are read each time: the "
            f"environment variable {image_index.VARIABLE} names a folder for it"
        )


def sides_note(sides: np.ndarray, data: Data) -> str:
    """What is done to images [n, H, W, C] of such heights and widths, int [n, 2]."""
    size, short = data.image_size, sides.min(axis=1)
    if (sides == size).all():
        return f"all {size}x{size}"
    crop = "a random" if crops_at_random(data) else "the central"
    grown, low, high = int((short < size).sum()), sides.min(), sides.max()
    return (
        f"sides of {f'{low:,} to ' if low < high else ''}{high:,} pixels: {crop} "
        f"square of the shorter side becomes {size}x{size}"
        + (f", {grown:,} of them enlarged" if grown else "")
    )
