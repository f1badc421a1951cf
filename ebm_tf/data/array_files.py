"""The dataset "arrays": images in npz or npy files.

A file has the images of all splits, in arrays whose names say which ("train_images",
"x_test"), or of one, which is "train"; or a folder has a file for each, such as
train.npz and test.npz. Images come in a fixed random order, because files are often
sorted by class: every share, such as "train[:90%]", has some of all classes.
"""

import os
import pathlib
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import NamedTuple

import numpy as np

from ebm_tf.config.parts import Data
from ebm_tf.config.splits import named_parts, range_of
from ebm_tf.data.arrays import array_source
from ebm_tf.data.folders import SPLITS, no_split, place_of, sides_note, slice_of
from ebm_tf.data.raw_folders import raises_damaged
from ebm_tf.data.sources import Source
from ebm_tf.errors import ConfigError, DataError

_IMAGES = ("images", "image", "x", "data", "samples", "arr_0", "arr0")
_LABELS = ("labels", "label", "y", "targets", "target", "classes", "arr_1", "arr1")
_ORDER_SEED = 0x0A55A
_FORMS = "uint8 [N,H,W] or [N,H,W,C], C = 1 or 3, or floats in [0,1] or [-1,1]"


class Part(NamedTuple):
    """Where the images of a split are.

    Attributes:
      path: the file.
      images: the name of their array; None in an npy.
      labels: that of their labels; None where there are none.
    """

    path: pathlib.Path
    images: str | None
    labels: str | None


def arrays_source(data: Data) -> Source:
    """The split of the arrays that a config names.

    Raises:
      DataError: if the file is missing or damaged, has no images, labels of another
        number, images of another type or range, or no such split.
    """
    raw = place_of(data)
    parts = dict(_parts(raw, data))
    images, labels, notes = _split(parts, data)
    source = array_source(
        images,
        labels,
        name=f"arrays {raw.name}",
        split=data.split,
        origin=os.fspath(raw.absolute()),
    )
    sides = np.array([images.shape[1:3]])
    is_one_class = labels is not None and labels.max() == labels.min()
    return source._replace(
        classes=(str(labels[0]),) if labels is not None and is_one_class else (),
        notes=(*notes, sides_note(sides, data)),
        remedy="run it again",
    )


def _parts(raw: pathlib.Path, data: Data) -> Iterator[tuple[str, Part]]:
    """The splits that there are."""
    if not raw.is_dir():
        yield from _of_file(raw, data)
        return
    files = sorted(p for p in raw.iterdir() if p.suffix in (".npz", ".npy"))
    named = [path for path in files if path.stem.lower() in SPLITS]
    if not named:
        names = ", ".join(path.name for path in files) or "none"
        raise DataError(
            f"Expected files such as train.npz and test.npz in {raw}, got {names}: "
            "--set data.path=FILE names one of another name."
        )
    for path in named:
        (part,) = dict(_of_file(path, data)).values()
        yield SPLITS[path.stem.lower()], part


def _of_file(path: pathlib.Path, data: Data) -> Iterator[tuple[str, Part]]:
    if path.suffix not in (".npz", ".npy"):
        raise DataError(f"Expected {path} to be an npz or npy file of images.")
    if path.suffix == ".npy":
        yield "train", Part(path, None, None)
        return
    with _opened(path) as stored:
        forms = {name: _form(stored, name) for name in stored}
    images = _keys(forms, data.image_key, _IMAGES)
    labels = _keys(forms, data.label_key, _LABELS)
    if not images and data.image_key is None:
        large = [name for name, form in forms.items() if form.count(",") >= 2]
        images = {"": large[0]} if len(large) == 1 else {}
    for asked, found, setting in (
        (True, images, "data.image_key"),
        (data.label_key, labels, "data.label_key"),
    ):
        if asked and not found:
            known = ", ".join(f"{name} {form}" for name, form in forms.items())
            raise DataError(
                f"{path} has no {'images' if found is images else 'labels'} under the "
                f"name that is asked for or a usual one: --set {setting}=NAME, of "
                f"{known or 'no arrays'}."
            )
    for split, key in images.items():
        yield split or "train", Part(path, key, labels.get(split))


def _keys(forms: Mapping[str, str], asked: str | None, usual: tuple) -> dict[str, str]:
    """The arrays of a name, by the split that is a part of it; "" where none is."""
    words = usual if asked is None else (asked.lower(),)
    found: dict[str, str] = {}
    for name in forms:
        tokens = re.split(r"[_\-/. ]", name.lower())
        splits = [SPLITS[token] for token in tokens if token in SPLITS]
        rest = "_".join(token for token in tokens if token not in SPLITS)
        if name == asked or (len(splits) <= 1 and rest in words):
            split = splits[0] if splits and name != asked else ""
            found.setdefault(split, name)
    return found


def _split(
    parts: Mapping[str, Part], data: Data
) -> tuple[np.ndarray, np.ndarray | None, list[str]]:
    """Images, labels and notes of a split such as "train[:90%]+test"."""
    images, labels, notes = [], [], []
    try:
        chosen = named_parts(data.split)
        wanted = [
            (name, selector)
            for given, selector in chosen
            for name in (parts if given == "all" else [given])
        ]
        for given, selector in wanted:
            part = parts.get(SPLITS.get(given.lower(), given))
            if part is None:
                raise DataError(
                    no_split(data, {n: _count(p) for n, p in parts.items()})
                )
            some, some_labels, note = _read(part)
            order = np.random.default_rng(_ORDER_SEED).permutation(len(some))
            order = order[slice_of(range_of(selector, len(some)))]
            images.append(some[order])
            labels.append(None if some_labels is None else some_labels[order])
            notes += [note] if note and note not in notes else []
    except ConfigError as error:
        raise DataError(str(error)) from error
    if len({some.shape[1:] for some in images}) > 1:
        raise DataError(
            f"The splits {data.split} of {data.path} have different shapes."
        )
    if not sum(map(len, images)):
        raise DataError(f"Split {data.split!r} of {data.path} has no images.")
    known = [some for some in labels if some is not None]
    all_labels = np.concatenate(known) if len(known) == len(labels) else None
    return np.concatenate(images), all_labels, notes


def _read(part: Part) -> tuple[np.ndarray, np.ndarray | None, str | None]:
    if part.images is None:
        with raises_damaged(f"{part.path} is damaged, or of Python objects"):
            images, labels = np.load(part.path, allow_pickle=False), None
    else:
        with _opened(part.path) as stored:
            images = stored[part.images]
            labels = None if part.labels is None else stored[part.labels]
    origin = f"{part.path}" + (f", array {part.images}" if part.images else "")
    images, note = as_images(images, origin)
    if labels is None:
        return images, None, note
    return images, _as_labels(labels, len(images), f"{part.path}, {part.labels}"), note


def as_images(array: np.ndarray, origin: str) -> tuple[np.ndarray, str | None]:
    """Images as bytes, and what was done to them, if anything.

    Args:
      array: of images.
      origin: what messages call it.

    Returns:
      uint8 [N, H, W, C], C = 1 or 3, and a note or None.

    Raises:
      DataError: if it is of another shape, type or range.
    """
    form = f"{array.dtype} [{','.join(map(str, array.shape))}]"
    if array.ndim not in (3, 4) or not array.size:
        raise DataError(f"Expected images {_FORMS} in {origin}, got {form}.")
    notes = []
    if array.ndim == 3:
        array = array[..., None]
    elif array.shape[-1] not in (1, 3) and array.shape[1] in (1, 3):
        array = np.moveaxis(array, 1, -1)
        notes.append("channels, which come first in the file, moved to the end")
    if array.shape[-1] not in (1, 3):
        raise DataError(f"Expected images {_FORMS} in {origin}, got {form}.")
    array, note = _as_bytes(array, origin, form)
    notes += [note] if note else []
    return np.ascontiguousarray(array), "; ".join(notes) or None


def _as_bytes(
    array: np.ndarray, origin: str, form: str
) -> tuple[np.ndarray, str | None]:
    low, high = array.min(), array.max()
    span = f"{form} of {low:.4g} to {high:.4g}" if array.dtype != bool else form
    if array.dtype == bool:
        return array.astype(np.uint8) * np.uint8(255), "true became white"
    if array.dtype.kind in "iu" and 0 <= low and 1 < high <= 255:
        return array.astype(np.uint8), None
    if array.dtype.kind == "f" and -1 <= low and high <= 1 and low < high:
        least = 0 if low >= 0 else -1
        scaled = (array.astype(np.float32) - least) * (255.0 / (1 - least))
        note = f"{array.dtype} taken as of [{least},1], and rounded to bytes"
        return np.rint(scaled).astype(np.uint8), note
    raise DataError(
        f"Expected images {_FORMS} in {origin}, got {span}: bring them into one of "
        "these ranges, all alike."
    )


def _as_labels(labels: np.ndarray, count: int, origin: str) -> np.ndarray:
    form = f"{labels.dtype} [{','.join(map(str, labels.shape))}]"
    flat = labels[:, 0] if labels.shape == (count, 1) else labels
    if flat.shape != (count,) or flat.dtype.kind not in "iu" or flat.min() < 0:
        raise DataError(
            f"Expected labels in {origin} to be integers [{count}] from 0 on, one an "
            f"image, got {form}."
        )
    return flat.astype(np.int64)


@contextmanager
def _opened(path: pathlib.Path) -> Iterator[Mapping[str, np.ndarray]]:
    with (
        raises_damaged(f"{path} is damaged, or of Python objects"),
        np.load(path, allow_pickle=False) as stored,
    ):
        yield stored


def _form(stored: Mapping[str, np.ndarray], name: str) -> str:
    array = stored[name]
    return f"{array.dtype} [{','.join(map(str, array.shape))}]"


def _count(part: Part) -> int:
    return len(_read(part)[0])
