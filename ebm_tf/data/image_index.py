"""What is known of the images of a folder or an archive, found out once and kept.

Every file is read and decoded once, so that all that cannot be read are named together
before anything is learned. The index lies in a folder of the user, not beside the
images, where others may not write: ~/.cache/ebm_tf/images, or what EBM_TF_IMAGES names.
A file whose size and time are those of the index is not read again; what was found out
before a kill counts, too.
"""

import hashlib
import json
import os
import pathlib
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import numpy as np
from tqdm import tqdm

from ebm_tf.data import image_files
from ebm_tf.data.raw_folders import RawFiles, read_path, stamp_of
from ebm_tf.data.raw_images import find_images
from ebm_tf.data.sources import shown
from ebm_tf.errors import DataError, RunError
from ebm_tf.runtime.cache_folders import cache_folder
from ebm_tf.runtime.files import load_arrays, make_folder, save_arrays

VARIABLE = "EBM_TF_IMAGES"  # names the folder of indexes
FORMAT = 1  # to be raised where files would be found or judged otherwise
# Of more files only the folders are looked at, each time that they are used.
MOST_LISTED = 50_000

_AT_ONCE = 1024
_MOST_NAMED = 3
_SECONDS_BETWEEN_SAVES = 60.0
# How a file is read: by TensorFlow as it is; by `image_files.upright`; not at all.
PLAIN, CHANGED, UNREADABLE = 1, 2, 3
_UNKNOWN = 0


class ImageIndex(NamedTuple):
    """All N image files of a folder or an archive.

    Attributes:
      names: sorted, relative to it, with slashes.
      stamps: int64 [N, 2] of `RawFiles.stamp`, by which files are known again.
      kinds: uint8 [N]: PLAIN, CHANGED or UNREADABLE.
      digests: uint8 [N, 16], half of the SHA-256 of their bytes.
      sides: int32 [N, 2], heights and widths; zeros where they cannot be read.
      remarks: name -> what happened to the pixels, or why they cannot be read.
      places: folder -> when it was written; empty where that says nothing.
      notes: what was left out.
    """

    names: list[str]
    stamps: np.ndarray
    kinds: np.ndarray
    digests: np.ndarray
    sides: np.ndarray
    remarks: dict[str, list[str]]
    places: dict[str, int]
    notes: list[str]

    def are_same_folders(self) -> bool:
        """Whether no file was added, removed or renamed since."""
        try:
            facts = ((os.stat(path), t) for path, t in self.places.items())
            return bool(self.places) and all(now.st_mtime_ns == t for now, t in facts)
        except OSError:
            return False


class IndexedImages(NamedTuple):
    """Images that can be read.

    Attributes:
      index: what is known of them.
      read: name -> the bytes of its file; DataError if it is gone.
      place: the file of the index; none where it could not be written.
    """

    index: ImageIndex
    read: Callable[[str], bytes]
    place: str | None


def open_index(raw: pathlib.Path) -> IndexedImages:
    """Finds out what is there, or reads what was found out before.

    Raises:
      DataError: if there are no images, or raw is neither a folder nor an archive.
    """
    raw = raw.absolute()
    place = os.path.join(_folder(), f"{_digest(os.fsencode(raw)).hex()}.npz")
    kept = _load(place)
    if len(kept.names) > MOST_LISTED and kept.are_same_folders():
        return IndexedImages(kept, lambda name: read_path(raw / name), place)
    found = find_images(raw)
    stamps = np.array([found.files.stamp(name) for name in found.names], np.int64)
    places = {os.fspath(path): stamp_of(path)[1] for path in found.files.places}
    if not raw.is_dir() or any("\\" in name for name in found.names):
        places = {}  # their files are not found by their names alone
    index = _empty(found.names, stamps, places, found.notes)
    _take_over(index, kept)
    if (index.kinds == _UNKNOWN).any() or (places, index.names) != (
        kept.places,
        kept.names,
    ):
        _look(index, found.files, place)
        saved = _save(place, index)
        return IndexedImages(index, found.files.read, place if saved else None)
    return IndexedImages(index, found.files.read, place)


def readable(
    index: ImageIndex,
    chosen: np.ndarray,
    raw: pathlib.Path,
    *,
    skip: bool,
    setting: str,
) -> np.ndarray:
    """Those of some images that can be read.

    Args:
      index: of the images in `raw`.
      chosen: where in it they are, int [n].
      raw: for the message.
      skip: whether the others are left out.
      setting: which says so, for the message.

    Raises:
      DataError: if some cannot be read and are not to be left out, or none can.
    """
    lost = [index.names[i] for i in chosen if index.kinds[i] == UNREADABLE]
    if lost and not skip:
        reasons = "; ".join(
            index.remarks[name][0].rstrip(".") for name in lost[:_MOST_NAMED]
        )
        rest = len(lost) - _MOST_NAMED
        more = f"; and {rest:,} more" if rest > 0 else ""
        raise DataError(
            f"{len(lost):,} of {len(chosen):,} images in {raw} cannot be read: "
            f"{reasons}{more}. {setting}=True leaves them out."
        )
    kept = chosen[index.kinds[chosen] != UNREADABLE]
    if not len(kept):
        raise DataError(f"None of the images in {raw} can be read.")
    return kept


def left_out(index: ImageIndex) -> Iterator[str]:
    """Sentences on what is no image, or cannot be read."""
    lost = [index.names[i] for i in np.flatnonzero(index.kinds == UNREADABLE)]
    if lost:
        yield f"Left out, as they cannot be read, {len(lost):,}: {shown(lost)}."
    yield from index.notes


def _empty(
    names: list[str], stamps: np.ndarray, places: dict[str, int], notes: list[str]
) -> ImageIndex:
    """An index in which nothing is known."""
    count = len(names)
    return ImageIndex(
        names,
        stamps.reshape([count, 2]),
        kinds=np.full(count, _UNKNOWN, np.uint8),
        digests=np.zeros([count, 16], np.uint8),
        sides=np.zeros([count, 2], np.int32),
        remarks={},
        places=places,
        notes=notes,
    )


def _take_over(index: ImageIndex, kept: ImageIndex) -> None:
    """Fills in what was found out before, of files that are the same."""
    before = {name: i for i, name in enumerate(kept.names)}
    for i, name in enumerate(index.names):
        j = before.get(name)
        if j is not None and (index.stamps[i] == kept.stamps[j]).all():
            index.kinds[i], index.digests[i] = kept.kinds[j], kept.digests[j]
            index.sides[i] = kept.sides[j]
            if name in kept.remarks:
                index.remarks[name] = kept.remarks[name]


def _look(index: ImageIndex, files: RawFiles, place: str) -> None:
    """Reads the files that are not known; now and then it is saved what is found."""
    missing = np.flatnonzero(index.kinds == _UNKNOWN).tolist()
    saved = time.monotonic()
    with (
        warnings.catch_warnings(),  # each thread would restore the others' filters
        ThreadPoolExecutor(os.cpu_count()) as pool,
        tqdm(total=len(missing), desc="images", unit="", disable=None) as progress,
    ):
        for first in range(0, len(missing), _AT_ONCE):
            some = missing[first : first + _AT_ONCE]
            names = [index.names[i] for i in some]
            facts = pool.map(lambda name: _facts(files, name), names)
            for i, name, (kind, digest, sides, remarks) in zip(
                some, names, facts, strict=True
            ):
                index.kinds[i], index.sides[i] = kind, sides
                index.digests[i] = np.frombuffer(digest, np.uint8)
                if remarks:
                    index.remarks[name] = remarks
            progress.update(len(some))
            if time.monotonic() - saved > _SECONDS_BETWEEN_SAVES:
                _save(place, _known(index))
                saved = time.monotonic()


def _facts(files: RawFiles, name: str) -> tuple[int, bytes, tuple[int, int], list[str]]:
    """The kind of a file, its digest, its sides, and remarks."""
    changes: Counter[str] = Counter()
    try:
        content = files.read(name)
        shown = image_files.upright(content, name, changes)
    except DataError as error:
        return UNREADABLE, bytes(16), (0, 0), [str(error)]
    is_plain = shown is content and (files.origin / name).is_file()
    kind = PLAIN if is_plain else CHANGED
    return kind, _digest(content), image_files.sides_of(shown), list(changes)


def _known(index: ImageIndex) -> ImageIndex:
    """The part of an index that is filled in; it is not taken for a whole one."""
    there = np.flatnonzero(index.kinds != _UNKNOWN)
    return index._replace(
        **{name: getattr(index, name)[there] for name in _ARRAYS},
        names=[index.names[i] for i in there],
        places={},
        notes=[],
    )


def _digest(content: bytes) -> bytes:
    return hashlib.sha256(content).digest()[:16]


def _folder() -> str:
    return cache_folder("images", VARIABLE)


_TEXTS = ("names", "remarks", "places", "notes")
_ARRAYS = ("stamps", "kinds", "digests", "sides")


def _save(place: str, index: ImageIndex) -> bool:
    """Writes an index whole; whether that could be done."""
    text = json.dumps({name: getattr(index, name) for name in _TEXTS}).encode()
    arrays = {name: getattr(index, name) for name in _ARRAYS}
    try:
        make_folder(os.path.dirname(place))
        save_arrays(place, format=FORMAT, text=np.frombuffer(text, np.uint8), **arrays)
    except RunError:
        return False
    return True


def _load(place: str) -> ImageIndex:
    """What was kept; nothing where there is none, or it is damaged or of old."""
    nothing = _empty([], np.zeros([0, 2], np.int64), {}, [])
    try:
        stored = load_arrays(place)
        text = json.loads(stored["text"].tobytes())
        texts: dict[str, Any] = {name: text[name] for name in _TEXTS}
        kept = nothing._replace(**texts, **{name: stored[name] for name in _ARRAYS})
        lengths = {len(stored[name]) for name in _ARRAYS} | {len(kept.names)}
        return kept if stored["format"] == FORMAT and len(lengths) == 1 else nothing
    # A damaged archive fails in too many ways to list.
    except Exception:
        return nothing
