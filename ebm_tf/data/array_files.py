"""The dataset "arrays": images in npz or npy files.

A file has the images of all splits, in arrays whose names say which ("train_images",
"x_test"), or of one, which is "train"; or a folder has a file for each, such as
train.npz and test.npz. Images come in a fixed random order, because files are often
sorted by class: every share, such as "train[:90%]", has some of all classes.
"""

import os
import pathlib
import re
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

import numpy as np

from ebm_tf.config.parts import Data
from ebm_tf.data.arrays import array_source
from ebm_tf.data.folders import sides_note
from ebm_tf.data.own_places import SPLITS, parts_of_split, place_of
from ebm_tf.data.raw_folders import raises_damaged
from ebm_tf.data.sources import Source
from ebm_tf.errors import DataError

_IMAGES = ("images", "image", "x", "data", "samples", "arr_0", "arr0")
_LABELS = ("labels", "label", "y", "targets", "target", "classes", "arr_1", "arr1")
_ORDER_SEED = 0x0A55A
_READ_HEAD = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}
_FORMS = (
    "[N,H,W] or [N,H,W,C], C = 1 or 3, of integers in [0,255] or floats in [0,1] or "
    "[-1,1]"
)


class _Form(NamedTuple):
    """The shape and the type of an array."""

    shape: tuple[int, ...]
    dtype: np.dtype

    def __str__(self) -> str:
        return f"{self.dtype} [{','.join(map(str, self.shape))}]"


class Part(NamedTuple):
    """Where the images of a split are.

    Attributes:
      path: the file.
      num: of images.
      images: the name of their array; None in an npy.
      labels: that of their labels; None where there are none.
    """

    path: pathlib.Path
    num: int
    images: str | None
    labels: str | None


def arrays_source(data: Data) -> Source:
    """The split of the arrays that a config names.

    Raises:
      DataError: if the file is missing or damaged, has no images, labels of another
        number, images of another type or range, or no such split.
    """
    raw = place_of(data)
    images, labels, notes = _split(dict(_parts(raw, data)), data)
    place = {"split": data.split, "origin": os.fspath(raw.absolute())}
    source = array_source(images, labels, name=f"arrays {raw.name}", **place)
    known = np.unique(labels)[:2] if labels is not None else []
    return source._replace(
        classes=(str(known[0]),) if len(known) == 1 else (),
        notes=(*notes, sides_note(np.array([images.shape[1:3]]), data)),
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
            "--set data.path=FILE takes one of another name."
        )
    for path in named:
        parts = dict(_of_file(path, data))
        if list(parts) != ["train"]:
            raise DataError(f"Expected {path} to have the images of one split.")
        yield SPLITS[path.stem.lower()], parts["train"]


def _of_file(path: pathlib.Path, data: Data) -> Iterator[tuple[str, Part]]:
    if path.suffix == ".npy":
        yield "train", Part(path, len(_mapped(path)), None, None)
        return
    if path.suffix != ".npz":
        raise DataError(f"Expected {path} to be an npz or npy file of images.")
    forms = _forms(path)
    images = _keys(forms, data.image_key, _IMAGES)
    labels = _keys(forms, data.label_key, _LABELS)
    if not images and data.image_key is None:
        large = [name for name, form in forms.items() if len(form.shape) in (3, 4)]
        images = {"": large[0]} if len(large) == 1 else {}
    if not images or (data.label_key is not None and not labels):
        what = "labels" if images else "images"
        known = ", ".join(f"{name} {form}" for name, form in forms.items())
        raise DataError(
            f"No {what} are found in {path}: --set data.{what[:-1]}_key=NAME says "
            f"which they are of {known or 'no arrays'}."
        )
    for split, key in images.items():
        count = forms[key].shape[0] if forms[key].shape else 0
        yield split or "train", Part(path, count, key, labels.get(split))


def _keys(
    names: Iterable[str], asked: str | None, usual: tuple[str, ...]
) -> dict[str, str]:
    """The arrays of a name, by the split that is a part of it; "" where none is."""
    words = usual if asked is None else (asked.lower(),)
    found: dict[str, str] = {}
    for name in names:
        tokens = re.split(r"[_\-/. ]", name.lower())
        splits = [SPLITS[token] for token in tokens if token in SPLITS]
        rest = "_".join(token for token in tokens if token not in SPLITS)
        if name == asked:
            return {"": name}
        if rest in words and len(splits) <= 1:
            found.setdefault(splits[0] if splits else "", name)
    return found


def _split(
    parts: Mapping[str, Part], data: Data
) -> tuple[np.ndarray, np.ndarray | None, list[str]]:
    """Images, labels and notes of a split such as "train[:90%]+test"."""
    images, labels, notes = [], [], dict[str, None]()
    counts = {name: part.num for name, part in parts.items()}
    for name, chosen in parts_of_split(counts, data):
        some, some_labels, note = _read(parts[name])
        order = np.random.default_rng(_ORDER_SEED).permutation(len(some))[chosen]
        images.append(some[order])
        labels += [] if some_labels is None else [some_labels[order]]
        notes |= dict.fromkeys(note)
    if len({some.shape[1:] for some in images}) > 1:
        raise DataError(f"Images of the parts of {data.split} differ in their shape.")
    has_labels = len(labels) == len(images)
    all_labels = np.concatenate(labels) if has_labels else None
    return np.concatenate(images), all_labels, list(notes)


def _read(part: Part) -> tuple[np.ndarray, np.ndarray | None, list[str]]:
    """Images, labels if there are any, and notes."""
    if part.images is None:
        images, notes = as_images(_mapped(part.path), str(part.path))
        return images, None, notes
    with (
        raises_damaged(f"{part.path} is damaged, or of Python objects"),
        np.load(part.path, allow_pickle=False) as stored,
    ):
        images = stored[part.images]
        labels = None if part.labels is None else stored[part.labels]
    images, notes = as_images(images, f"{part.path}, array {part.images}")
    if labels is not None:
        labels = _as_labels(labels, len(images), f"{part.path}, array {part.labels}")
    return images, labels, notes


def as_images(array: np.ndarray, origin: str) -> tuple[np.ndarray, list[str]]:
    """Images as bytes, and what was done to them.

    Args:
      array: of images.
      origin: what messages call it.

    Returns:
      uint8 [N, H, W, C], C = 1 or 3, and notes.

    Raises:
      DataError: if it is of another shape, type or range.
    """
    form = _Form(array.shape, array.dtype)
    notes = []
    if array.ndim == 3:
        array = array[..., None]
    if array.ndim == 4 and array.shape[-1] not in (1, 3) and array.shape[1] in (1, 3):
        array = np.moveaxis(array, 1, -1)
        notes.append("channels, which come first in the file, moved to the end")
    if array.ndim != 4 or array.shape[-1] not in (1, 3) or not array.size:
        raise DataError(f"Expected images {_FORMS} in {origin}, got {form}.")
    if array.dtype == bool:
        return array.astype(np.uint8) * np.uint8(255), [*notes, "true became white"]
    array, note = _as_bytes(array, origin, form)
    return np.ascontiguousarray(array), [*notes, *note]


def _as_bytes(
    array: np.ndarray, origin: str, form: _Form
) -> tuple[np.ndarray, list[str]]:
    kind, low, high = array.dtype.kind, 0.0, 0.0
    if kind in "iuf":
        low, high = float(array.min()), float(array.max())
    if kind in "iu" and low >= 0 and 1 < high <= 255:
        return array.astype(np.uint8), []
    if kind == "f" and -1 <= low < high <= 1:
        least = 0 if low >= 0 else -1
        scaled = (array.astype(np.float32) - least) * (255.0 / (1 - least))
        note = f"{array.dtype} taken as of [{least},1], and rounded to bytes"
        return np.rint(scaled).astype(np.uint8), [note]
    raise DataError(
        f"Expected images {_FORMS} in {origin}, got {form} of {low:.4g} to {high:.4g}: "
        "save them so."
    )


def _as_labels(labels: np.ndarray, count: int, origin: str) -> np.ndarray:
    form = _Form(labels.shape, labels.dtype)
    flat = labels[:, 0] if labels.shape == (count, 1) else labels
    if flat.shape != (count,) or flat.dtype.kind not in "iu" or flat.min() < 0:
        raise DataError(
            f"Expected labels in {origin} to be integers [{count}] from 0 on, one an "
            f"image, got {form}."
        )
    return flat.astype(np.int64)


def _forms(path: pathlib.Path) -> dict[str, _Form]:
    """What the arrays of an npz are, of which only the heads are read."""
    forms = {}
    with raises_damaged(f"{path} is no npz, or damaged"), zipfile.ZipFile(path) as file:
        for name in file.namelist():
            with file.open(name) as member:
                version = np.lib.format.read_magic(member)
                shape, _, dtype = _READ_HEAD[version](member)
            forms[name.removesuffix(".npy")] = _Form(shape, dtype)
    return forms


def _mapped(path: pathlib.Path) -> np.ndarray:
    """The array of an npy, read where it is looked at."""
    with raises_damaged(f"{path} is no npy, damaged, or of Python objects"):
        array = np.load(path, mmap_mode="r", allow_pickle=False)
        if not array.ndim:
            raise ValueError("it holds no list")
        return array
