"""MNIST's IDX files and the binary batches of CIFAR-10 and CIFAR-100."""

import gzip
import math
import pathlib
import struct
import tarfile
import zipfile
import zlib

import numpy as np
import scipy.io
from scipy.io.matlab import MatReadError

from ebm_tf.errors import DataError

_UNSIGNED_BYTE = 8
_CIFAR_PIXELS = 3 * 32 * 32

CIFAR_CLASSES = [
    *["airplane", "automobile", "bird", "cat", "deer"],
    *["dog", "frog", "horse", "ship", "truck"],
]
_CIFAR_BATCHES = {
    "train": [f"data_batch_{i}.bin" for i in range(1, 6)],
    "test": ["test_batch.bin"],
}


def read_mnist(folder: pathlib.Path) -> dict[str, tuple[np.ndarray, ...]]:
    """Reads the IDX files of a folder, compressed or not.

    Returns:
      "train" and, where its files are there, "test": uint8 images [N,28,28,1] and
      int64 labels [N].

    Raises:
      DataError: if files are missing, cut off, of another format or do not fit.
    """
    splits = {}
    for split, prefix in [("train", "train"), ("test", "t10k")]:
        images_path = _idx_path(folder, f"{prefix}-images", "idx3-ubyte")
        labels_path = _idx_path(folder, f"{prefix}-labels", "idx1-ubyte")
        if split == "test" and images_path is None and labels_path is None:
            continue
        if images_path is None or labels_path is None:
            lacks = "images-idx3" if images_path is None else "labels-idx1"
            raise DataError(f"{folder} has no {prefix}-{lacks}-ubyte(.gz).")
        images, labels = _read_idx(images_path), _read_idx(labels_path)
        if images.shape[1:] != (28, 28):
            raise DataError(
                f"Expected images of 28x28 in {images_path}, found {images.shape}."
            )
        if labels.shape != images.shape[:1]:
            raise DataError(
                f"{labels_path} has {labels.shape} labels for {len(images)} images."
            )
        splits[split] = (images[..., None], checked_labels(labels, 9, labels_path))
    return splits


def read_cifar(raw: pathlib.Path) -> dict[str, tuple[np.ndarray, ...]]:
    """Reads CIFAR-10's binary batches, from a folder or from their tar.gz.

    Returns:
      The splits "train" and "test" of which there are batches: uint8 images
      [N,32,32,3] and int64 labels [N].

    Raises:
      DataError: if there are no training batches, or one is cut off or of another
        format.
    """
    contents = _cifar_contents(
        raw,
        "cifar-10-binary.tar.gz",
        "cifar-10-batches-bin",
        [name for names in _CIFAR_BATCHES.values() for name in names],
    )
    splits = {}
    for split, names in _CIFAR_BATCHES.items():
        found = [
            _cifar_batch(contents[n], f"{raw}: {n}", [9])
            for n in names
            if n in contents
        ]
        if found:
            splits[split] = tuple(map(np.concatenate, zip(*found, strict=True)))
    if "train" not in splits:
        raise DataError(f"{raw} has none of data_batch_1.bin .. data_batch_5.bin.")
    return splits


def read_cifar100(raw: pathlib.Path) -> dict[str, tuple[np.ndarray, ...]]:
    """Reads CIFAR-100's train.bin and test.bin, from a folder or from their tar.gz.

    Returns:
      "train" and, where it is there, "test": uint8 images [N,32,32,3], and int64
      labels [N] of the 20 groups and of the 100 classes.

    Raises:
      DataError: if there is no train.bin, or a file is cut off or of another format.
    """
    contents = _cifar_contents(
        raw,
        "cifar-100-binary.tar.gz",
        "cifar-100-binary",
        ["train.bin", "test.bin"],
    )
    if "train.bin" not in contents:
        raise DataError(f"{raw} has no train.bin.")
    return {
        split: _cifar_batch(contents[name], f"{raw}: {name}", [19, 99])
        for split, name in [("train", "train.bin"), ("test", "test.bin")]
        if name in contents
    }


def _idx_path(folder: pathlib.Path, stem: str, kind: str) -> pathlib.Path | None:
    names = [f"{stem}{dash}{kind}{end}" for dash in "-." for end in ["", ".gz"]]
    return next((folder / name for name in names if (folder / name).is_file()), None)


def _read_idx(path: pathlib.Path) -> np.ndarray:
    content = path.read_bytes()
    if path.suffix == ".gz":
        try:
            content = gzip.decompress(content)
        except (EOFError, OSError, zlib.error) as error:
            raise DataError(f"{path} is cut off or no gzip file: {error}.") from None
    # http://yann.lecun.com/exdb/mnist: 0, 0, type, dimensions, then their sizes.
    rank = 3 if "images" in path.name else 1
    magic = bytes([0, 0, _UNSIGNED_BYTE, rank])
    if content[:4] != magic:
        raise DataError(
            f"{path} is no IDX file of bytes: it begins with {content[:4].hex()}, "
            f"not {magic.hex()}."
        )
    start = 4 + 4 * rank
    if len(content) < start:
        raise DataError(f"{path} is cut off within its header.")
    shape = struct.unpack(f">{rank}I", content[4:start])
    if len(content) - start != math.prod(shape):
        raise DataError(
            f"{path} has {len(content) - start:,} bytes of data, expected "
            f"{math.prod(shape):,} for {shape}."
        )
    return np.frombuffer(content, np.uint8, offset=start).reshape(shape)


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
    try:
        with tarfile.open(raw) as tar:
            for member in tar:
                if (file := tar.extractfile(member)) is not None:
                    contents[pathlib.PurePath(member.name).name] = file.read()
    except (EOFError, OSError, tarfile.TarError, zlib.error) as error:
        raise DataError(f"{raw} is cut off or no tar archive: {error}.") from None
    return contents


def _cifar_batch(
    content: bytes, origin: str, greatest: list[int]
) -> tuple[np.ndarray, ...]:
    """Images, and labels of every kind, of which `greatest` has the greatest."""
    kinds = len(greatest)
    record = kinds + _CIFAR_PIXELS
    if not content or len(content) % record:
        raise DataError(
            f"{origin} is cut off: {len(content):,} bytes are no multiple of {record}."
        )
    records = np.frombuffer(content, np.uint8).reshape([-1, record])
    images = records[:, kinds:].reshape([-1, 3, 32, 32]).transpose([0, 2, 3, 1])
    columns = records[:, :kinds].T
    return images, *(
        checked_labels(column, most, origin)
        for column, most in zip(columns, greatest, strict=True)
    )


def checked_labels(labels: np.ndarray, greatest: int, origin: object) -> np.ndarray:
    """The labels as int64.

    Raises:
      DataError: if one is below 0 or above the greatest.
    """
    signed = labels.astype(np.int64)
    for found in (signed.max(initial=0), signed.min(initial=0)):
        if not 0 <= found <= greatest:
            raise DataError(
                f"Expected labels 0..{greatest} in {origin}, found {found}."
            )
    return signed


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
