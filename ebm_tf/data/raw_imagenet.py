"""ImageNet 2012 as its owners ship it, or as a folder or zip of photographs."""

import functools
import pathlib
import re
from collections.abc import Iterator
from typing import IO

import tensorflow_datasets as tfds

from ebm_tf.data.raw_images import Images, check_image, walk_tar
from ebm_tf.errors import DataError

_TARS = {
    "train": "ILSVRC2012_img_train.tar",
    "validation": "ILSVRC2012_img_val.tar",
}
_WORDNET_ID = re.compile(r"n\d{8}")
_VALIDATION_NAME = re.compile(r"ILSVRC2012_val_(\d{8})\.JPEG")

Photographs = Iterator[tuple[str, bytes, str]]


def find_tars(raw: pathlib.Path) -> dict[str, pathlib.Path]:
    """The official tars among raw, or in the folder raw: split -> path."""
    folder = raw if raw.is_dir() else raw.parent
    paths = {split: folder / name for split, name in _TARS.items()}
    return {
        split: path
        for split, path in paths.items()
        if path.is_file() and raw in (path, folder)
    }


def tar_photographs(split: str, path: pathlib.Path) -> Photographs:
    """Yields (file name, bytes, WordNet id) of an official tar as it is read.

    Raises:
      DataError: if the tar is cut off or its names are not the official ones.
    """
    with path.open("rb") as file:
        if split == "train":
            yield from _train_photographs(file, path)
        else:
            yield from _validation_photographs(file, path)


def labelled_splits(images: Images, origin: pathlib.Path) -> dict[str, list[str]]:
    """The names of a folder or zip by split: validation lies in a folder "val..".

    Raises:
      DataError: if a name does not tell its WordNet id.
    """
    splits: dict[str, list[str]] = {}
    for name in images.names:
        wordnet_id_of(name, origin)
        folders = pathlib.PurePosixPath(name).parts[:-1]
        split = "validation" if {"val", "validation"} & set(folders) else "train"
        splits.setdefault(split, []).append(name)
    return splits


def wordnet_id_of(name: str, origin: pathlib.Path) -> str:
    """Reads n01440764 from "n01440764_tench.JPEG" or "n01440764/1.JPEG".

    Raises:
      DataError: if it is not there, or none of the thousand classes.
    """
    for part in reversed(pathlib.PurePosixPath(name).parts):
        if match := _WORDNET_ID.match(part):
            if match.group() not in _shipped("labels.txt"):
                raise DataError(f"{name} in {origin} is of no class of ImageNet 2012.")
            return match.group()
    raise DataError(
        f"{name} in {origin} does not tell its class: expected a file name or a "
        "folder that begins with a WordNet id such as n01440764."
    )


@functools.cache
def _shipped(name: str) -> list[str]:
    """A list that comes with TFDS."""
    return tfds.core.tfds_path(f"datasets/imagenet2012/{name}").read_text().split()


def _train_photographs(file: IO[bytes], path: pathlib.Path) -> Photographs:
    for class_tar, content in walk_tar(file, str(path)):
        origin = f"{path}: {class_tar}"
        for name, image in walk_tar(content, origin):
            photograph = image.read()
            check_image(photograph, f"{origin}: {name}")
            yield name, photograph, wordnet_id_of(class_tar, path)


def _validation_photographs(file: IO[bytes], path: pathlib.Path) -> Photographs:
    wordnet_ids = _shipped("validation_labels.txt")
    for name, image in walk_tar(file, str(path)):
        match = _VALIDATION_NAME.fullmatch(name)
        if match is None or not 1 <= int(match.group(1)) <= len(wordnet_ids):
            raise DataError(f"{path} has {name}, not ILSVRC2012_val_00000001.JPEG ..")
        photograph = image.read()
        check_image(photograph, f"{path}: {name}")
        yield name, photograph, wordnet_ids[int(match.group(1)) - 1]
