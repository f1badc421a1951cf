"""Images in files of whole arrays: SVHN's for MATLAB, Tiny ImageNet's for NumPy."""

import pathlib
import zipfile
import zlib

import numpy as np
import scipy.io
from scipy.io.matlab import MatReadError

from ebm_tf.data.raw_arrays import checked_labels
from ebm_tf.errors import DataError

_TINY_FILES = {"train": "train.npz", "validation": "val.npz"}
# What NumPy and SciPy raise for what they find in damaged files.
_DAMAGED = (
    EOFError,
    IndexError,
    MatReadError,
    NotImplementedError,
    OSError,
    TypeError,
    ValueError,
    zipfile.BadZipFile,
    zlib.error,
)


def read_svhn(folder: pathlib.Path) -> dict[str, tuple[np.ndarray, ...]]:
    """Reads train_32x32.mat and, where they are there, the files of test and extra.

    Returns:
      By split, uint8 images [N,32,32,3] and int64 labels [N], which are the digits:
      the files say 10 for 0.

    Raises:
      DataError: if the training file is missing, or one is damaged or of other
        contents.
    """
    splits = {}
    for split in ("train", "test", "extra"):
        path = folder / f"{split}_32x32.mat"
        if not path.is_file():
            continue
        try:
            content = scipy.io.loadmat(path)
        except _DAMAGED as error:
            raise DataError(f"{path} is cut off or no MATLAB file: {error}.") from None
        images, labels = _entries(content, ("X", "y"), path)
        images = np.moveaxis(images, -1, 0)
        labels = np.where(labels == 10, 0, labels).reshape([-1])
        splits[split] = _checked(images, labels, path, side=32, num_classes=10)
    if "train" not in splits:
        raise DataError(f"{folder} has no train_32x32.mat.")
    return splits


def read_tiny_imagenet(folder: pathlib.Path) -> dict[str, tuple[np.ndarray, ...]]:
    """Reads train.npz and val.npz, of which the latter becomes "validation".

    Returns:
      By split, uint8 images [N,64,64,3] and int64 labels [N].

    Raises:
      DataError: if a file is missing, damaged or of other contents.
    """
    splits = {}
    for split, name in _TINY_FILES.items():
        path = folder / name
        if not path.is_file():
            raise DataError(f"{folder} has no {name}.")
        try:
            with np.load(path) as content:
                images, labels = _entries(content, ("image", "label"), path)
        except _DAMAGED as error:
            raise DataError(f"{path} is cut off or no .npz file: {error}.") from None
        splits[split] = _checked(images, labels, path, side=64, num_classes=200)
    return splits


def _entries(content, names: tuple[str, str], path: pathlib.Path) -> list[np.ndarray]:
    missing = [name for name in names if name not in content]
    if missing:
        raise DataError(f"{path} has no {missing[0]!r}.")
    return [content[name] for name in names]


def _checked(
    images: np.ndarray,
    labels: np.ndarray,
    path: pathlib.Path,
    *,
    side: int,
    num_classes: int,
) -> tuple[np.ndarray, np.ndarray]:
    if images.dtype != np.uint8 or images.shape[1:] != (side, side, 3):
        raise DataError(
            f"Expected images uint8 of {side}x{side}x3 in {path}, found "
            f"{images.dtype} {images.shape}."
        )
    if labels.shape != images.shape[:1]:
        raise DataError(f"{path} has {labels.shape} labels for {len(images)} images.")
    return images, checked_labels(labels, num_classes - 1, path)
