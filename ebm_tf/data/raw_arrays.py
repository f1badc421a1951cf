"""Raw files that hold arrays: MNIST, CIFAR-10 and -100, SVHN, Tiny ImageNet.

A reader takes the folder that a user has and returns, by split, uint8 images [N,H,W,C]
and int64 labels [N], of several kinds for CIFAR-100. It raises DataError where files of
the training split are missing, or one is cut off, of another format or of other sizes.
"""

import gzip
import io
import math
import pathlib
import struct
import tarfile
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
import scipy.io

from ebm_tf.data.raw_folders import MOST_BYTES, raises_damaged, read_path
from ebm_tf.data.raw_pickles import read_pickle
from ebm_tf.errors import DataError

Splits = dict[str, tuple[np.ndarray, ...]]

CIFAR_CLASSES = [
    *["airplane", "automobile", "bird", "cat", "deer"],
    *["dog", "frog", "horse", "ship", "truck"],
]
_CIFAR_PIXELS = 3 * 32 * 32
_UNSIGNED_BYTE = 8


def read_mnist(folder: pathlib.Path) -> Splits:
    """Reads "train" and perhaps "test" from IDX files, compressed or not."""
    splits = {}
    for split, prefix in [("train", "train"), ("test", "t10k")]:
        if split == "test" and not any(folder.glob(f"{prefix}-*idx?-ubyte*")):
            continue
        path = _idx_path(folder, f"{prefix}-images-idx3-ubyte")
        images = _read_idx(path)[..., None]
        labels = _read_idx(_idx_path(folder, f"{prefix}-labels-idx1-ubyte"))
        splits[split] = _checked(images, labels, path, (28, 28, 1), 10)
    return splits


def _idx_path(folder: pathlib.Path, name: str) -> pathlib.Path:
    dotted = name.replace("-idx", ".idx")
    for file_name in (name, f"{name}.gz", dotted, f"{dotted}.gz"):
        if (folder / file_name).is_file():
            return folder / file_name
    raise DataError(f"{folder} has no {name}(.gz).")


def _read_idx(path: pathlib.Path) -> np.ndarray:
    content = read_path(path)
    if path.suffix == ".gz":
        with (
            raises_damaged(f"{path} is cut off or no gzip file"),
            gzip.open(io.BytesIO(content)) as file,
        ):
            content = file.read(MOST_BYTES)
    # http://yann.lecun.com/exdb/mnist: 0, 0, type, dimensions, then their sizes.
    rank = 3 if "images" in path.name else 1
    magic = bytes([0, 0, _UNSIGNED_BYTE, rank])
    if content[:4] != magic:
        raise DataError(
            f"Expected {path} to begin as an IDX file of bytes, {magic.hex()}, got "
            f"{content[:4].hex()}."
        )
    start = 4 + 4 * rank
    if len(content) < start:
        raise DataError(f"{path} is cut off within its header.")
    shape = struct.unpack(f">{rank}I", content[4:start])
    if len(content) - start != math.prod(shape):
        raise DataError(
            f"Expected {path} to have {math.prod(shape):,} bytes of data for {shape}, "
            f"got {len(content) - start:,}."
        )
    return np.frombuffer(content, np.uint8, offset=start).reshape(shape)


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
    return images, *(_checked_labels(column, num, origin) for column, num in columns)


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


def read_svhn(folder: pathlib.Path) -> Splits:
    """Reads "train" and perhaps "test" and "extra" from MATLAB files of crops.

    Labels are the digits; in the files 10 stands for 0.
    """
    splits = {}
    for split in ("train", "test", "extra"):
        path = folder / f"{split}_32x32.mat"
        if split == "train" or path.is_file():
            images, labels = _entries(path, scipy.io.loadmat, "MATLAB", ("X", "y"))
            images = np.moveaxis(images, -1, 0)
            labels = np.where(labels == 10, np.zeros([], labels.dtype), labels).ravel()
            splits[split] = _checked(images, labels, path, (32, 32, 3), 10)
    return splits


def read_tiny_imagenet(folder: pathlib.Path) -> Splits:
    """Reads "train" from train.npz and "validation" from val.npz."""
    splits = {}
    for split, name in [("train", "train.npz"), ("validation", "val.npz")]:
        path = folder / name
        images, labels = _entries(path, np.load, ".npz", ("image", "label"))
        splits[split] = _checked(images, labels, path, (64, 64, 3), 200)
    return splits


def _entries(
    path: pathlib.Path, load: Callable[..., Any], kind: str, names: tuple[str, str]
) -> list[np.ndarray]:
    if not path.is_file():
        raise DataError(f"{path.parent} has no {path.name}.")
    with raises_damaged(f"{path} is cut off or no {kind} file"):
        content = load(path)
        found = {name: content[name] for name in names if name in content}
    for name in names:
        if name not in found:
            raise DataError(f"{path} has no {name!r}.")
        if not isinstance(found[name], np.ndarray) or found[name].ndim == 0:
            raise DataError(f"Expected {name!r} in {path} to be an array.")
    return list(found.values())


def _checked(
    images: np.ndarray,
    labels: np.ndarray,
    origin: object,
    shape: tuple[int, ...],
    num_classes: int,
) -> tuple[np.ndarray, np.ndarray]:
    if images.dtype != np.uint8 or images.shape[1:] != shape:
        raise DataError(
            f"Expected images uint8 of {'x'.join(map(str, shape))} in {origin}, got "
            f"{images.dtype} {images.shape}."
        )
    if labels.shape != images.shape[:1]:
        raise DataError(
            f"Expected {len(images)} labels in {origin}, got those of shape "
            f"{labels.shape}."
        )
    return images, _checked_labels(labels, num_classes, origin)


def _checked_labels(labels: np.ndarray, num_classes: int, origin: object) -> np.ndarray:
    """The labels, int64; DataError where one is no whole number, or no class."""
    if labels.dtype.kind not in "buif":
        raise DataError(
            f"Expected labels in {origin} to be whole numbers, got {labels.dtype}."
        )
    if (others := labels[(labels < 0) | (labels >= num_classes)]).size:
        raise DataError(
            f"Expected labels 0..{num_classes - 1} in {origin}, got {others[0]}."
        )
    if (others := labels[labels != np.trunc(labels)]).size:  # NaN too
        raise DataError(
            f"Expected labels in {origin} to be whole numbers, got {others[0]}."
        )
    return labels.astype(np.int64)
