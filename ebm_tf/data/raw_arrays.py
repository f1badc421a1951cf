"""MNIST's IDX files and CIFAR-10's binary batches."""

import gzip
import math
import pathlib
import struct
import tarfile
import zlib

import numpy as np

from ebm_tf.errors import DataError

_UNSIGNED_BYTE = 8
_CIFAR_RECORD = 1 + 3 * 32 * 32

CIFAR_CLASSES = [
    *["airplane", "automobile", "bird", "cat", "deer"],
    *["dog", "frog", "horse", "ship", "truck"],
]
_CIFAR_BATCHES = {
    "train": [f"data_batch_{i}.bin" for i in range(1, 6)],
    "test": ["test_batch.bin"],
}


def read_mnist(folder: pathlib.Path) -> dict[str, tuple[np.ndarray, np.ndarray]]:
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
        splits[split] = (images[..., None], _digits(labels, labels_path))
    return splits


def read_cifar(raw: pathlib.Path) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Reads CIFAR-10's binary batches, from a folder or from their tar.gz.

    Returns:
      The splits "train" and "test" of which there are batches: uint8 images
      [N,32,32,3] and int64 labels [N].

    Raises:
      DataError: if there are no training batches, or one is cut off or of another
        format.
    """
    contents = _cifar_contents(raw)
    splits = {}
    for split, names in _CIFAR_BATCHES.items():
        found = [
            _cifar_batch(contents[n], f"{raw}: {n}") for n in names if n in contents
        ]
        if found:
            images, labels = zip(*found, strict=True)
            splits[split] = (np.concatenate(images), np.concatenate(labels))
    if "train" not in splits:
        raise DataError(f"{raw} has none of data_batch_1.bin .. data_batch_5.bin.")
    return splits


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


def _cifar_contents(raw: pathlib.Path) -> dict[str, bytes]:
    if raw.is_dir():
        archive = raw / "cifar-10-binary.tar.gz"
        inner = raw / "cifar-10-batches-bin"
        folder = inner if inner.is_dir() else raw
        paths = [folder / n for names in _CIFAR_BATCHES.values() for n in names]
        paths = [path for path in paths if path.is_file()]
        if paths or not archive.is_file():
            return {path.name: path.read_bytes() for path in paths}
        raw = archive
    contents = {}
    try:
        with tarfile.open(raw) as tar:
            for member in tar:
                if (file := tar.extractfile(member)) is not None:
                    contents[pathlib.PurePath(member.name).name] = file.read()
    except (EOFError, OSError, tarfile.TarError, zlib.error) as error:
        raise DataError(f"{raw} is cut off or no tar archive: {error}.") from None
    return contents


def _cifar_batch(content: bytes, origin: str) -> tuple[np.ndarray, np.ndarray]:
    if not content or len(content) % _CIFAR_RECORD:
        raise DataError(
            f"{origin} is cut off: {len(content):,} bytes are no multiple of "
            f"{_CIFAR_RECORD}."
        )
    records = np.frombuffer(content, np.uint8).reshape([-1, _CIFAR_RECORD])
    images = records[:, 1:].reshape([-1, 3, 32, 32]).transpose([0, 2, 3, 1])
    return images, _digits(records[:, 0], origin)


def _digits(labels: np.ndarray, origin: object) -> np.ndarray:
    if labels.max(initial=0) > 9:
        raise DataError(f"Expected labels 0..9 in {origin}, found {labels.max()}.")
    return labels.astype(np.int64)
