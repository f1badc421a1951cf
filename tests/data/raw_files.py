"""Small raw files in the formats that people have: IDX, CIFAR-10, zips, tars."""

import gzip
import io
import pathlib
import struct
import tarfile
import zipfile
from typing import Literal

import numpy as np
import scipy.io
from PIL import Image


def picture(height: int, width: int, *, seed: int, mode: str = "RGB") -> Image.Image:
    """A smooth picture, so that JPEG keeps it nearly as it is."""
    bands = len(mode) if mode in ("RGB", "CMYK") else 1
    coarse = np.random.default_rng(seed).integers(0, 256, [3, 3, bands], np.uint8)
    coarse = coarse[..., 0] if bands == 1 else coarse
    image = Image.fromarray(coarse, mode=None if bands != 4 else "CMYK")
    return image.resize((width, height), Image.Resampling.BILINEAR)


def encoded(image: Image.Image, kind: str = "JPEG") -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **({"quality": 95} if kind == "JPEG" else {}))
    return file.getvalue()


def idx(values: np.ndarray) -> bytes:
    header = struct.pack(f">4B{values.ndim}I", 0, 0, 8, values.ndim, *values.shape)
    return header + values.astype(np.uint8).tobytes()


def write_mnist(
    folder: pathlib.Path, *, train: int, test: int, dot: str = "-", zipped: bool = True
) -> tuple[np.ndarray, np.ndarray]:
    """Writes the four files and returns the training images and labels."""
    folder.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(0)
    written = []
    for prefix, count in [("train", train), ("t10k", test)]:
        images = random.integers(0, 256, [count, 28, 28], np.uint8)
        labels = (np.arange(count) % 10).astype(np.uint8)
        written.append((images, labels))
        for stem, values in [("images", images), ("labels", labels)]:
            name = f"{prefix}-{stem}{dot}idx{values.ndim}-ubyte"
            content = idx(values)
            if zipped:
                (folder / f"{name}.gz").write_bytes(gzip.compress(content))
            else:
                (folder / name).write_bytes(content)
    return written[0]


def cifar_batch(images: np.ndarray, labels: np.ndarray) -> bytes:
    planes = images.transpose([0, 3, 1, 2]).reshape([len(images), -1])
    return np.concatenate([labels[:, None].astype(np.uint8), planes], 1).tobytes()


def write_cifar(folder: pathlib.Path, counts: dict[str, int]) -> np.ndarray:
    """Writes batches of the given names and returns all images in that order."""
    folder.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(1)
    everything = []
    for name, count in counts.items():
        images = random.integers(0, 256, [count, 32, 32, 3], np.uint8)
        content = cifar_batch(images, np.arange(count) % 10)
        (folder / name).write_bytes(content)
        everything.append(images)
    return np.concatenate(everything)


def write_cifar100(folder: pathlib.Path, counts: dict[str, int]) -> np.ndarray:
    """Writes train.bin and the like, and returns all images in that order.

    Image i of a file has the class 7 i mod 100 and the group i mod 20.
    """
    folder.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(2)
    everything = []
    for name, count in counts.items():
        images = random.integers(0, 256, [count, 32, 32, 3], np.uint8)
        planes = images.transpose([0, 3, 1, 2]).reshape([count, -1])
        groups, classes = np.arange(count) % 20, 7 * np.arange(count) % 100
        labels = np.stack([groups, classes], 1).astype(np.uint8)
        (folder / name).write_bytes(np.concatenate([labels, planes], 1).tobytes())
        everything.append(images)
    return np.concatenate(everything)


def write_svhn(folder: pathlib.Path, counts: dict[str, int]) -> np.ndarray:
    """Writes the file of each split, labels 1 to 10 in turn; returns all images."""
    folder.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(3)
    everything = []
    for split, count in counts.items():
        images = random.integers(0, 256, [count, 32, 32, 3], np.uint8)
        content = {
            "X": np.moveaxis(images, 0, -1),
            "y": (np.arange(count) % 10 + 1).astype(np.uint8)[:, None],
        }
        path = folder / f"{split}_32x32.mat"
        scipy.io.savemat(path, content, do_compression=True)
        everything.append(images)
    return np.concatenate(everything)


def write_tiny_imagenet(folder: pathlib.Path, counts: dict[str, int]) -> np.ndarray:
    """Writes train.npz and the like, labels 3 i mod 200; returns all images."""
    folder.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(4)
    everything = []
    for name, count in counts.items():
        images = random.integers(0, 256, [count, 64, 64, 3], np.uint8)
        np.savez(folder / name, image=images, label=3 * np.arange(count) % 200)
        everything.append(images)
    return np.concatenate(everything)


def write_zip(path: pathlib.Path, files: dict[str, bytes]) -> pathlib.Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def tar(files: dict[str, bytes], mode: Literal["w", "w:gz"] = "w") -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode=mode) as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return file.getvalue()
