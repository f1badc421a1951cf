"""CIFAR-100, SVHN and Tiny ImageNet: raw files to TFDS format and back."""

import pathlib
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy.io
import scipy.sparse
import tensorflow_datasets as tfds

from ebm_tf.config.parts import Data
from ebm_tf.data.datasets import open_source
from ebm_tf.data.pipelines import load_images
from ebm_tf.data.preparation import prepare
from ebm_tf.errors import DataError
from tests.data.raw_files import tar, write_cifar100, write_svhn, write_tiny_imagenet


@pytest.fixture
def out(tmp_path) -> pathlib.Path:
    return tmp_path / "out"


def back(
    name: str, out: pathlib.Path, images: np.ndarray, **settings: Any
) -> dict[int, int]:
    """Index of each original image -> the label with which it came back."""
    data = Data(name=name, image_size=images.shape[1], directory=str(out), **settings)
    found, labels = load_images(open_source(data), data)
    order = {image.tobytes(): i for i, image in enumerate(images)}
    as_bytes = np.rint((found + 1) * 127.5).astype(np.uint8)
    indices = [order[image.tobytes()] for image in as_bytes]
    assert len(set(indices)) == len(indices)
    return dict(zip(indices, labels.tolist(), strict=True))


def check_refused(name: str, raw: pathlib.Path, out: pathlib.Path, message: str):
    with pytest.raises(DataError, match=message) as caught:
        prepare(name, str(raw), str(out))
    assert "\n" not in str(caught.value)
    assert not out.exists()


@pytest.mark.parametrize("packed", [False, True])
def test_cifar100_round_trip(tmp_path, out, packed):
    folder = tmp_path / "cifar-100-binary"
    images = write_cifar100(folder, {"train.bin": 9, "test.bin": 4})
    raw = tmp_path
    if packed:
        raw = tmp_path / "cifar-100-binary.tar.gz"
        names = ("train.bin", "test.bin")
        files = {f"{folder.name}/{n}": (folder / n).read_bytes() for n in names}
        raw.write_bytes(tar(files, "w:gz"))
    result = prepare("cifar100", str(raw), str(out))
    assert result.counts == {"train": 9, "test": 4}
    assert result.notes[1] == "A subset: 4 of 10,000 test images."
    assert back("cifar100", out, images) == {i: 7 * i for i in range(9)}
    test = back("cifar100", out, images, split="test")
    assert test == {9 + i: 7 * i for i in range(4)}
    whole: Any = tfds.builder(
        f"cifar100:{tfds.builder_cls('cifar100').VERSION}", data_dir=out
    )
    labels = {
        (int(example["coarse_label"]), int(example["label"]))
        for example in whole.as_dataset(split="train")
    }
    assert labels == {(i, 7 * i) for i in range(9)}


def test_svhn_round_trip(tmp_path, out):
    images = write_svhn(tmp_path / "raw", {"train": 12, "test": 3, "extra": 2})
    result = prepare("svhn", str(tmp_path / "raw"), str(out))
    assert result.counts == {"train": 12, "test": 3, "extra": 2}
    assert result.notes[0] == "A subset: 12 of 73,257 train images."
    digits = {i: (i + 1) % 10 for i in range(12)}  # the files say 10 for 0
    assert back("svhn", out, images) == digits
    assert set(back("svhn", out, images, split="extra")) == {15, 16}
    assert tfds.load("svhn_cropped", data_dir=out, download=False)


def test_tiny_imagenet_round_trip(tmp_path, out):
    images = write_tiny_imagenet(tmp_path / "raw", {"train.npz": 6, "val.npz": 3})
    result = prepare("tiny_imagenet", str(tmp_path / "raw"), str(out))
    assert result.counts == {"train": 6, "validation": 3}
    assert back("tiny_imagenet", out, images) == {i: 3 * i for i in range(6)}
    held_out = back("tiny_imagenet", out, images, split="validation")
    assert held_out == {6 + i: 3 * i for i in range(3)}
    with pytest.raises(DataError, match="is there already: --overwrite"):
        prepare("tiny_imagenet", str(tmp_path / "raw"), str(out))


@pytest.mark.parametrize(
    ("name", "write", "counts"),
    [
        ("cifar100", write_cifar100, {"train.bin": 8}),
        ("svhn", write_svhn, {"train": 8}),
    ],
)
def test_slices_of_what_was_prepared(tmp_path, out, name, write: Callable, counts):
    images = write(tmp_path / "raw", counts)
    prepare(name, str(tmp_path / "raw"), str(out))
    first, rest = (
        set(back(name, out, images, split=split))
        for split in ("train[:5]", "train[5:]")
    )
    assert len(first) == 5 and first | rest == set(range(8)) and not first & rest


def test_damaged_cifar100_is_refused(tmp_path, out):
    raw = tmp_path / "raw"
    write_cifar100(raw, {"train.bin": 3})
    whole = (raw / "train.bin").read_bytes()
    for content, message in [
        (whole[:-1], "train.bin is cut off: 9,221 bytes are no multiple of 3074"),
        (b"\x14" + whole[1:], "labels 0..19 in .*, got 20"),
        (whole[:1] + b"\x64" + whole[2:], "labels 0..99 in .*, got 100"),
    ]:
        (raw / "train.bin").write_bytes(content)
        check_refused("cifar100", raw, out, message)
    (raw / "train.bin").unlink()
    check_refused("cifar100", raw, out, "has none of train.bin")


def test_damaged_svhn_is_refused(tmp_path, out):
    raw = tmp_path / "raw"
    images = write_svhn(raw, {"train": 3})
    path = raw / "train_32x32.mat"
    whole = path.read_bytes()
    for content in (whole[:-200], whole[:60], b"", b"no MATLAB file" * 100):
        path.write_bytes(content)
        check_refused("svhn", raw, out, "train_32x32.mat is cut off or no MATLAB file")
    digits, planes = np.array([[1], [2], [3]]), np.moveaxis(images, 0, -1)
    for content, message in [
        ({"X": planes}, "has no 'y'"),
        ({"X": planes, "y": digits + 8}, "labels 0..9 in .*, got 11"),
        ({"X": planes, "y": digits[:2]}, "Expected 3 labels in"),
        ({"X": planes[:30], "y": digits}, "images uint8 of 32x32x3 in"),
        ({"X": planes / 255.0, "y": digits}, "got float64"),
        ({"X": planes, "y": digits + 0.5}, "to be whole numbers, got 1.5"),
        ({"X": planes, "y": digits * np.nan}, "to be whole numbers, got nan"),
        (
            {"X": planes, "y": np.array(["one", "two", "six"])},
            "'y' in .* to be an array",
        ),
        ({"X": planes, "y": np.array([[1], "a", [2]], object)}, "'y' in .* an array"),
        (
            {"X": planes, "y": scipy.sparse.csc_array(digits)},
            "'y' in .* to be an array",
        ),
        ({"X": planes[..., :0], "y": digits[:0]}, "split train .* hold no images"),
    ]:
        scipy.io.savemat(path, content)
        check_refused("svhn", raw, out, message)
    path.unlink()
    check_refused("svhn", raw, out, "has no train_32x32.mat")


def test_damaged_tiny_imagenet_is_refused(tmp_path, out):
    raw = tmp_path / "raw"
    images = write_tiny_imagenet(raw, {"train.npz": 3, "val.npz": 2})
    path = raw / "val.npz"
    whole = path.read_bytes()
    for content in (whole[:-200], b"", b"no archive" * 100):
        path.write_bytes(content)
        check_refused("tiny_imagenet", raw, out, "val.npz is cut off or no .npz file")
    for content, message in [
        ({"image": images}, "has no 'label'"),
        ({"image": images, "label": np.arange(5) + 199}, "labels 0..199"),
        ({"image": images, "label": np.arange(5) - 1}, "labels 0..199 in .*, got -1"),
        ({"image": images[:, :32], "label": np.arange(5)}, "uint8 of 64x64x3"),
        ({"image": images, "label": np.arange(5) / 2}, "whole numbers, got 0.5"),
        ({"image": images, "label": np.array(list("abcde"))}, "whole numbers, got <U1"),
        ({"image": images, "label": np.array([{}] * 5)}, "val.npz is cut off or no"),
        ({"image": np.uint8(3), "label": np.arange(5)}, "'image' in .* to be an array"),
        ({"image": images, "label": np.full(5, 2**64 - 1, np.uint64)}, "labels 0..199"),
        ({"image": images[:0], "label": np.arange(0)}, "split validation .* no images"),
    ]:
        np.savez(path, **content)
        check_refused("tiny_imagenet", raw, out, message)
    path.unlink()
    check_refused("tiny_imagenet", raw, out, "has no val.npz")
