"""Raw files that hold arrays: MNIST, SVHN, Tiny ImageNet; CIFAR is in `raw_cifar`.

A reader takes the folder that a user has and returns, by split, uint8 images [N,H,W,C]
and int64 labels [N]. It raises DataError where files of
the training split are missing, or one is cut off, of another format or of other sizes.
"""

import gzip
import io
import math
import pathlib
import struct
from collections.abc import Callable
from typing import Any

import numpy as np

from ebm_tf.data.raw_folders import MOST_BYTES, raises_damaged, read_path
from ebm_tf.data.raw_matlab import read_matlab
from ebm_tf.errors import DataError

Splits = dict[str, tuple[np.ndarray, ...]]

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


def read_svhn(folder: pathlib.Path) -> Splits:
    """Reads "train" and perhaps "test" and "extra" from MATLAB files of crops.

    Labels are the digits; in the files 10 stands for 0.
    """
    splits = {}
    for split in ("train", "test", "extra"):
        path = folder / f"{split}_32x32.mat"
        if split == "train" or path.is_file():
            images, labels = _entries(path, _load_matlab, "MATLAB", ("X", "y"))
            images = np.moveaxis(images, -1, 0)
            labels = np.where(labels == 10, np.zeros([], labels.dtype), labels).ravel()
            splits[split] = _checked(images, labels, path, (32, 32, 3), 10)
    return splits


def _load_matlab(path: pathlib.Path) -> dict[str, Any]:
    return read_matlab(read_path(path), ("X", "y"))


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
            raise DataError(f"Expected {name!r} in {path} to be an array of numbers.")
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
    return images, checked_labels(labels, num_classes, origin)


def checked_labels(labels: np.ndarray, num_classes: int, origin: object) -> np.ndarray:
    """The labels as int64.

    Raises:
      DataError: if one is no whole number, or no class.
    """
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
