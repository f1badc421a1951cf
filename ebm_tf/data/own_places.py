"""Where one's own images lie, and what the names of their folders say."""

import os
import pathlib
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from ebm_tf.config.parts import Data
from ebm_tf.config.splits import named_parts, range_of
from ebm_tf.errors import ConfigError, DataError

# Splits by the names that their folders may have.
SPLITS = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("val", "valid", "validation"), "validation"),
    **dict.fromkeys(("test", "testing"), "test"),
}


class Place(NamedTuple):
    """What a folder of images says of those in it: their split and their class."""

    split: str
    label: str | None


def place_of(data: Data) -> pathlib.Path:
    """Where the images of a dataset of one's own lie.

    Raises:
      DataError: if that is not said, not there, or not on a local disk.
    """
    if not data.path:
        raise DataError(
            f"Expected data.path where data.name={data.name!r}: --set data.path=PLACE "
            "says where the images are."
        )
    if "://" in data.path:
        raise DataError(f"Expected {data.path} on a local disk: copy it there first.")
    raw = pathlib.Path(os.path.expanduser(data.path))
    if not raw.exists():
        raise DataError(
            f"{raw.absolute()} does not exist: --set data.path=PLACE says where the "
            "images are."
        )
    return raw


def placed(folders: Iterable[str]) -> dict[str, Place]:
    """The split and the class of the images in each folder.

    Args:
      folders: paths of folders with images in them, with slashes; "" is the top. What
        they all begin with counts as no class.
    """
    folders = list(folders)
    start = num_shared(folders)
    parts = {folder: parts_of(folder)[start:] for folder in folders}
    if all(part and part[0].lower() in SPLITS for part in parts.values()):
        return {
            folder: Place(SPLITS[top.lower()], below[0] if below else None)
            for folder, (top, *below) in parts.items()
        }
    return {
        folder: Place("train", part[0] if part else None)
        for folder, part in parts.items()
    }


def parts_of(path: str) -> tuple[str, ...]:
    """The names in a path with slashes."""
    return tuple(filter(None, path.split("/")))


def num_shared(folders: Iterable[str]) -> int:
    """How many folders all of these lie in, up to the first that is a split."""
    shared = os.path.commonprefix([parts_of(folder) for folder in folders])
    splits = (i for i, part in enumerate(shared) if part.lower() in SPLITS)
    return next(splits, len(shared))


def parts_of_split(counts: Mapping[str, int], data: Data) -> list[tuple[str, slice]]:
    """Which images of which splits are meant by one such as "train[:90%]+test".

    Args:
      counts: images of each split that there is.
      data: `split`, and what messages name.

    Raises:
      DataError: if there is no such split, or no image in it.
    """
    try:
        parts = named_parts(data.split)
        if parts[0] == ("all", None) and len(parts) == 1:
            parts = [(name, None) for name in counts]
        found = []
        for given, selector in parts:
            name = SPLITS.get(given.lower(), given)
            if name not in counts:
                raise DataError(_no_split(data, counts))
            chosen = range_of(selector, counts[name])
            found.append((name, slice(chosen.start, chosen.start + len(chosen))))
    except ConfigError as error:
        raise DataError(str(error)) from error
    if not any(chosen.stop > chosen.start for _, chosen in found):
        raise DataError(f"Split {data.split!r} of {data.path} has no images.")
    return found


def _no_split(data: Data, counts: Mapping[str, int]) -> str:
    known = " and ".join(f"{name} of {count:,}" for name, count in counts.items())
    first = next(iter(counts))
    return (
        f"{data.path} has no split {data.split!r}: it has {known} images, and shares "
        f"of these such as {first}[:90%] and {first}[90%:]."
    )
