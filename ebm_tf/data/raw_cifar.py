"""Raw files of CIFAR-10 and -100, of the binary and of the Python version.

A reader is as those of `raw_arrays`; CIFAR-100 has labels of two kinds.
"""

import pathlib
import tarfile
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

from ebm_tf.data.raw_arrays import Splits, checked_labels
from ebm_tf.data.raw_folders import MOST_BYTES, raises_damaged, read_path
from ebm_tf.data.raw_pickles import read_pickle
from ebm_tf.errors import DataError

CIFAR_CLASSES = [
    *["airplane", "automobile", "bird", "cat", "deer"],
    *["dog", "frog", "horse", "ship", "truck"],
]
_CIFAR_PIXELS = 3 * 32 * 32


class _Version(NamedTuple):
    """A version of CIFAR as it is distributed.

    Attributes:
      archive: its name.
      folder: what it unpacks to.
      files: split -> names.
      read: content and what messages call it -> planes uint8 [n, 3072], then labels.
    """

    archive: str
    folder: str
    files: dict[str, list[str]]
    read: Callable[[bytes, str], Iterator[np.ndarray]]


def read_cifar10(raw: pathlib.Path) -> Splits:
    """Reads the batches that there are, of the binary or else of the Python version.

    They lie in a folder, or in cifar-10-binary.tar.gz or cifar-10-python.tar.gz.
    """
    stems = [f"data_batch_{i}" for i in range(1, 6)]
    names = {"train": [f"{stem}.bin" for stem in stems], "test": ["test_batch.bin"]}
    binary = _Version(
        "cifar-10-binary.tar.gz",
        "cifar-10-batches-bin",
        names,
        lambda content, origin: _binary(content, origin, 1),
    )
    python = _Version(
        "cifar-10-python.tar.gz",
        "cifar-10-batches-py",
        {"train": stems, "test": ["test_batch"]},
        lambda content, origin: _pickled(content, origin, "labels"),
    )
    return _read_cifar(raw, [binary, python], [10])


def read_cifar100(raw: pathlib.Path) -> Splits:
    """Reads train.bin and test.bin, or else train and test of the Python version.

    They lie in a folder, or in cifar-100-binary.tar.gz or cifar-100-python.tar.gz.
    Labels are those of the 20 groups, then those of the 100 classes.
    """
    binary = _Version(
        "cifar-100-binary.tar.gz",
        "cifar-100-binary",
        {"train": ["train.bin"], "test": ["test.bin"]},
        lambda content, origin: _binary(content, origin, 2),
    )
    python = _Version(
        "cifar-100-python.tar.gz",
        "cifar-100-python",
        {"train": ["train"], "test": ["test"]},
        lambda content, origin: _pickled(
            content, origin, "coarse_labels", "fine_labels"
        ),
    )
    return _read_cifar(raw, [binary, python], [20, 100])


def _read_cifar(
    raw: pathlib.Path, versions: list[_Version], num_classes: list[int]
) -> Splits:
    """Reads the first version that is there; each label is one of `num_classes`."""
    for version in versions:
        contents = _cifar_contents(raw, version)
        if contents.keys() & set(version.files["train"]):
            break
    else:
        names = ", ".join(versions[0].files["train"])
        raise DataError(
            f"{raw} has none of {names}, and nothing of {versions[1].archive}: take "
            "the binary or the Python version."
        )
    splits = {}
    for split, names in version.files.items():
        parts = [
            _cifar_batch(version, contents[name], f"{raw}: {name}", num_classes)
            for name in names
            if name in contents
        ]
        if parts:
            splits[split] = tuple(map(np.concatenate, zip(*parts, strict=True)))
    return splits


def _cifar_contents(raw: pathlib.Path, version: _Version) -> dict[str, bytes]:
    """The files of a version in a folder, in its own folder there, or in an archive."""
    names = sum(version.files.values(), [])
    if raw.is_dir():
        inner = raw / version.folder
        folder = inner if inner.is_dir() else raw
        paths = [folder / name for name in names if (folder / name).is_file()]
        if paths or not (raw / version.archive).is_file():
            return {path.name: read_path(path) for path in paths}
        raw = raw / version.archive
    contents = {}
    with (
        raises_damaged(f"{raw} is cut off or no tar archive"),
        tarfile.open(raw) as tar,
    ):
        for member in tar:
            name = pathlib.PurePath(member.name).name
            if name in names and (file := tar.extractfile(member)) is not None:
                contents[name] = file.read(MOST_BYTES)
    return contents


def _cifar_batch(
    version: _Version, content: bytes, origin: str, num_classes: list[int]
) -> tuple[np.ndarray, ...]:
    planes, *labels = version.read(content, origin)
    images = planes.reshape([-1, 3, 32, 32]).transpose([0, 2, 3, 1])
    columns = zip(labels, num_classes, strict=True)
    return images, *(checked_labels(column, num, origin) for column, num in columns)


def _binary(content: bytes, origin: str, num_labels: int) -> Iterator[np.ndarray]:
    record = num_labels + _CIFAR_PIXELS
    if not content or len(content) % record:
        raise DataError(
            f"{origin} is cut off: {len(content):,} bytes are no multiple of {record}."
        )
    records = np.frombuffer(content, np.uint8).reshape([-1, record])
    yield records[:, num_labels:]
    yield from records[:, :num_labels].T


def _pickled(content: bytes, origin: str, *labels: str) -> Iterator[np.ndarray]:
    found = read_pickle(content, origin)
    planes = found.get("data")
    if not isinstance(planes, np.ndarray) or planes.shape[1:] != (_CIFAR_PIXELS,):
        raise DataError(f"{origin} has no 'data' of {_CIFAR_PIXELS} bytes an image.")
    yield planes
    for name in labels:
        column = found.get(name)
        if not isinstance(column, list) or {*map(type, column)} - {int}:
            raise DataError(f"{origin} has no list {name!r} of whole numbers.")
        if len(column) != len(planes):
            raise DataError(
                f"Expected {len(planes)} {name} in {origin}, got {len(column)}."
            )
        with raises_damaged(f"{origin} has {name} that are no classes"):
            yield np.array(column, np.int64)
