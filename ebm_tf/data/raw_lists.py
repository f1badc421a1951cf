"""Lists that lie beside images: the splits of CelebA, the classes of ImageNet 2012."""

import codecs
import functools
import os
import pathlib
import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

import tensorflow_datasets as tfds

from ebm_tf.data.raw_folders import RawFiles, printable, raises_damaged, read_path
from ebm_tf.data.raw_matlab import read_matlab
from ebm_tf.errors import DataError

_PARTITIONS = ("list_eval_partition.txt", "list_eval_partition.csv")  # also Kaggle's
_CELEB_SPLITS = {"0": "train", "1": "validation", "2": "test"}
# Of the validation images of ImageNet: Kaggle's, that of TensorFlow's models, and that
# of the development kit, whose numbers its meta.mat explains.
_SOLUTION = "LOC_val_solution.csv"
_SYNSETS = "imagenet_2012_validation_synset_labels.txt"
_TRUTH, _META = "ILSVRC2012_validation_ground_truth.txt", "meta.mat"
LISTS = frozenset((*_PARTITIONS, _SOLUTION, _SYNSETS, _TRUTH, _META))

# Where they lie beside a folder of images: of CelebA, whose images are in "Img", and of
# the development kit of ImageNet.
_BESIDE = (".", "Eval", "../Eval", "ILSVRC2012_devkit_t12/data")
_MARKS = {  # the longest first: that of UTF-32 begins as that of UTF-16
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
_WORDNET_ID = re.compile(r"n\d{8}")
_VALIDATION_NAME = re.compile(r"ILSVRC2012_val_(\d{8})")


class _List(NamedTuple):
    """A list that was found: what messages call it, and its content."""

    origin: str
    content: bytes

    def lines(self) -> list[list[str]]:
        """The words of each line that has some, without quotes.

        Raises:
          DataError: if it is no text.
        """
        lines = _text(self).replace('"', "").splitlines()
        words = (re.split(r"[,;\s]+", printable(line.strip())) for line in lines)
        return [line for line in words if line != [""]]

    def wrong(self, expected: str, line: list[str]) -> DataError:
        """The error of a line that is none of those expected."""
        shown = " ".join(line)[:80]
        return DataError(
            f"Expected lines such as {expected!r} in {self.origin}: {shown}"
        )


def _text(found: _List) -> str:
    encodings = (e for mark, e in _MARKS.items() if found.content.startswith(mark))
    try:
        text = found.content.decode(next(encodings, "utf-8"))
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text:
        raise DataError(
            f"{found.origin} is no text in UTF-8 or UTF-16: save it as UTF-8."
        )
    return text


def _find(files: RawFiles, *names: str) -> _List | None:
    """The first list of these names in a folder or zip, or beside it."""
    raw = files.origin.absolute()
    for name in names:
        inside = [one for one in files.names if pathlib.PurePosixPath(one).name == name]
        if inside:
            nearest = min(inside, key=lambda one: one.count("/"))
            return _List(f"{files.origin}: {nearest}", files.read(nearest))
        for folder in _BESIDE:
            path = pathlib.Path(os.path.normpath(raw.parent / folder / name))
            if path.is_file():
                return _List(str(path), read_path(path))
    return None


class Partition(NamedTuple):
    """CelebA's list of splits.

    Attributes:
      origin: what messages call it.
      splits: file name without its ending -> split, as PNGs have the list of the JPEGs.
    """

    origin: str
    splits: dict[str, str]


def partition(files: RawFiles) -> Partition | None:
    """CelebA's own list or Kaggle's, where there is one.

    Raises:
      DataError: if it is damaged.
    """
    found = _find(files, *_PARTITIONS)
    if found is None:
        return None
    lines = found.lines()
    if lines[:1] == [["image_id", "partition"]]:  # Kaggle's
        lines = lines[1:]
    splits = {}
    for line in lines:
        if len(line) != 2 or line[1] not in _CELEB_SPLITS:
            raise found.wrong("000001.jpg 0", line)
        splits[stem(line[0])] = _CELEB_SPLITS[line[1]]
    if not splits:
        raise DataError(f"{found.origin} is empty.")
    return Partition(found.origin, splits)


def stem(name: str) -> str:
    """A file's name without its folders and its ending."""
    return pathlib.PurePosixPath(name).stem


@functools.cache
def _official(name: str) -> list[str]:
    return tfds.core.tfds_path(f"datasets/imagenet2012/{name}").read_text().split()


def class_in(name: str, origin: object) -> str | None:
    """The WordNet id in "n01440764_tench.JPEG" or "n01440764/1.JPEG", if there is one.

    Raises:
      DataError: if it is none of the thousand classes.
    """
    for part in reversed(pathlib.PurePosixPath(name).parts):
        if match := _WORDNET_ID.match(part):
            return _one_of_thousand(match.group(), f"{name} in {origin}")
    return None


def _one_of_thousand(wordnet_id: str, what: str) -> str:
    if wordnet_id not in _official("labels.txt"):
        raise DataError(f"{what} is of no class of ImageNet 2012.")
    return wordnet_id


def official_class(name: str) -> str | None:
    """The class of ILSVRC2012_val_00000001.JPEG .. 50000, by the list of TFDS."""
    number, ids = validation_number(name), _official("validation_labels.txt")
    return ids[number - 1] if 1 <= number <= len(ids) else None


def validation_number(name: str) -> int:
    """The number in the name of an official validation image; 0 for other names."""
    match = _VALIDATION_NAME.fullmatch(stem(name))
    return int(match[1]) if match else 0


class ValidationClasses(NamedTuple):
    """The classes of images whose names have none.

    Attributes:
      origin: of the list; None for that of TFDS.
      of: name -> WordNet id, or None where it is not listed.
    """

    origin: str | None
    of: Callable[[str], str | None]


def validation_classes(files: RawFiles, names: list[str]) -> ValidationClasses:
    """The classes of images, by a list that lies beside them, else by that of TFDS.

    A list without names is that of the official ones by their numbers, or, where it has
    as many lines as there are images of other names, that of these in their order.

    Raises:
      DataError: if a list is damaged.
    """
    if found := _find(files, _SOLUTION):
        return ValidationClasses(found.origin, _by_name(found))
    if found := _find(files, _SYNSETS):
        ids = [line[0] for line in found.lines()]
    elif found := _find(files, _TRUTH):
        if (meta := _find(files, _META)) is None:
            return ValidationClasses(None, official_class)
        ids = list(_of_kit(found, meta))
    else:
        return ValidationClasses(None, official_class)
    for wordnet_id in {*ids}:
        if not _WORDNET_ID.fullmatch(wordnet_id):
            raise found.wrong("n01440764", [wordnet_id])
        _one_of_thousand(wordnet_id, f"{wordnet_id} in {found.origin}")
    others = sorted(name for name in names if not validation_number(name))
    places = {name: i + 1 for i, name in enumerate(others)}
    if len(others) != len(ids):
        places = {}

    def listed(name: str) -> str | None:
        number = validation_number(name) or places.get(name, 0)
        return ids[number - 1] if 1 <= number <= len(ids) else None

    return ValidationClasses(found.origin, listed)


def _by_name(found: _List) -> Callable[[str], str | None]:
    classes = {}
    for line in found.lines():
        if line[0] == "ImageId":
            continue
        if len(line) < 2 or not _WORDNET_ID.fullmatch(line[1]):
            raise found.wrong("ILSVRC2012_val_00000001,n01751748 111 108 441 193", line)
        what = f"{line[0]} in {found.origin}"
        classes[stem(line[0])] = _one_of_thousand(line[1], what)
    return lambda name: classes.get(stem(name))


def _of_kit(truth: _List, meta: _List) -> Iterator[str]:
    """The WordNet ids of the development kit's list, in its order."""
    with raises_damaged(f"{meta.origin} is no meta.mat of ImageNet 2012"):
        synsets = read_matlab(meta.content, ("synsets",))["synsets"]
        ids = {int(one["ILSVRC2012_ID"].item()): str(one["WNID"]) for one in synsets}
    for line in truth.lines():
        if not line[0].isdecimal() or int(line[0][:9]) not in ids:
            raise truth.wrong("490", line)
        yield ids[int(line[0])]
