"""Raw files that hold arrays: MNIST, CIFAR-10 and -100, SVHN, Tiny ImageNet.

A reader takes the folder that a user has and returns, by split, uint8 images [N,H,W,C]
and int64 labels [N], of several kinds for CIFAR-100. It raises DataError where files of
the training split are missing, or one is cut off, of another format or of other sizes.
"""

import gzip
import math
import pathlib
import struct
import tarfile
from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.io

from ebm_tf.data.raw_images import raises_damaged
from ebm_tf.errors import DataError

Splits = dict[str, tuple[np.ndarray, ...]]

CIFAR_CLASSES = [
    *["airplane", "automobile", "bird", "cat", "deer"],
    *["dog", "frog", "horse", "ship", "truck"],
]
_CIFAR_BATCHES = {
    "train": [f"data_batch_{i}.bin" for i in range(1, 6)],
    "test": ["test_batch.bin"],
}
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
    content = path.read_bytes()
    if path.suffix == ".gz":
        with raises_damaged(f"{path} is cut off or no gzip file"):
            content = gzip.decompress(content)
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


def read_cifar10(raw: pathlib.Path) -> Splits:
    """Reads the batches that there are, from a folder or cifar-10-binary.tar.gz."""
    packed = "cifar-10-binary.tar.gz", "cifar-10-batches-bin"
    return _read_cifar(raw, *packed, _CIFAR_BATCHES, [10])


def read_cifar100(raw: pathlib.Path) -> Splits:
    """Reads train.bin and test.bin, from a folder or cifar-100-binary.tar.gz.

    Labels are those of the 20 groups, then those of the 100 classes.
    """
    packed = "cifar-100-binary.tar.gz", "cifar-100-binary"
    names = {"train": ["train.bin"], "test": ["test.bin"]}
    return _read_cifar(raw, *packed, names, [20, 100])


def _read_cifar(
    raw: pathlib.Path,
    archive: str,
    inner: str,
    names: dict[str, list[str]],
    num_classes: list[int],
) -> Splits:
    """Reads the files `names` of each split; each label is one of `num_classes`."""
    contents = _cifar_contents(raw, archive, inner, sum(names.values(), []))
    if not contents.keys() & set(names["train"]):
        raise DataError(f"{raw} has none of {', '.join(names['train'])}.")
    splits = {}
    for split in names:
        parts = [
            _cifar_batch(contents[name], f"{raw}: {name}", num_classes)
            for name in names[split]
            if name in contents
        ]
        if parts:
            splits[split] = tuple(map(np.concatenate, zip(*parts, strict=True)))
    return splits


def _cifar_contents(
    raw: pathlib.Path, archive: str, inner: str, names: list[str]
) -> dict[str, bytes]:
    """The files of these names in a folder, in its folder `inner`, or in an archive."""
    if raw.is_dir():
        folder = raw / inner if (raw / inner).is_dir() else raw
        paths = [folder / name for name in names if (folder / name).is_file()]
        if paths or not (raw / archive).is_file():
            return {path.name: path.read_bytes() for path in paths}
        raw = raw / archive
    contents = {}
    with (
        raises_damaged(f"{raw} is cut off or no tar archive"),
        tarfile.open(raw) as tar,
    ):
        for member in tar:
            if (file := tar.extractfile(member)) is not None:
                contents[pathlib.PurePath(member.name).name] = file.read()
    return contents


def _cifar_batch(
    content: bytes, origin: str, num_classes: list[int]
) -> tuple[np.ndarray, ...]:
    num_labels = len(num_classes)
    record = num_labels + _CIFAR_PIXELS
    if not content or len(content) % record:
        raise DataError(
            f"{origin} is cut off: {len(content):,} bytes are no multiple of {record}."
        )
    records = np.frombuffer(content, np.uint8).reshape([-1, record])
    images = records[:, num_labels:].reshape([-1, 3, 32, 32]).transpose([0, 2, 3, 1])
    columns = zip(records[:, :num_labels].T, num_classes, strict=True)
    return images, *(_checked_labels(column, num, origin) for column, num in columns)


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
            labels = np.where(labels == 10, 0, labels).ravel()
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
    signed = labels.astype(np.int64)
    if (others := signed[(signed < 0) | (signed >= num_classes)]).size:
        raise DataError(
            f"Expected labels 0..{num_classes - 1} in {origin}, got {others[0]}."
        )
    return signed
