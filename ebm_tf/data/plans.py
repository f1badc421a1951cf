"""What to write for each dataset: its splits, example by example, from raw files."""

import io
import pathlib
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

from ebm_tf.data import raw_imagenet
from ebm_tf.data.raw_arrays import (
    read_cifar,
    read_cifar100,
    read_mnist,
    read_svhn,
    read_tiny_imagenet,
)
from ebm_tf.data.raw_images import Images, check_image, find_images, shrink
from ebm_tf.errors import DataError

# Portraits at other sizes than CelebA's 218x178: twice what the largest network sees.
_PORTRAIT_SIDE = 256
_PARTITION = "list_eval_partition.txt"
_CELEB_SPLITS = {"0": "train", "1": "validation", "2": "test"}

# TFDS's (key, example): its order on disk is by a hash of the key.
Examples = Iterator[tuple[str | int, dict[str, Any]]]


class Plan(NamedTuple):
    """The splits of a dataset.

    Attributes:
      splits: split -> function that begins to yield its examples.
      counts: split -> how many there are, where it is known beforehand.
      notes: what a user should know about the result.
    """

    splits: dict[str, Callable[[], Examples]]
    counts: dict[str, int]
    notes: list[str]


def mnist(raw: pathlib.Path) -> Plan:
    """MNIST from a folder of IDX files."""
    splits = read_mnist(raw)
    notes = [] if "test" in splits else ["There were no test files (t10k-*)."]
    return _array_plan(splits, notes, ids=False)


def cifar10(raw: pathlib.Path) -> Plan:
    """CIFAR-10 from its binary batches or cifar-10-binary.tar.gz; subsets too."""
    splits = read_cifar(raw)
    notes = _missing(splits, train=50_000, test=10_000)
    return _array_plan(splits, notes, ids=True)


def cifar100(raw: pathlib.Path) -> Plan:
    """CIFAR-100 from train.bin and test.bin or cifar-100-binary.tar.gz."""
    splits = read_cifar100(raw)
    notes = _missing(splits, train=50_000, test=10_000)
    return _array_plan(splits, notes, ids=True, labels=("coarse_label", "label"))


def svhn(raw: pathlib.Path) -> Plan:
    """The cropped digits of SVHN from a folder of its *_32x32.mat."""
    splits = read_svhn(raw)
    return _array_plan(splits, _missing(splits, train=73_257, test=26_032), ids=True)


def tiny_imagenet(raw: pathlib.Path) -> Plan:
    """Tiny ImageNet from a folder with train.npz and val.npz."""
    splits = read_tiny_imagenet(raw)
    notes = _missing(splits, train=100_000, validation=10_000)
    return _array_plan(splits, notes, ids=False)


def celeb_a(raw: pathlib.Path) -> Plan:
    """Faces from a folder or zip, in CelebA's splits where its list is there."""
    images = find_images(raw)
    partition = _partition(raw, images)
    splits: dict[str, list[str]] = {}
    for name in images.names:
        split = "train"
        if partition:
            file_name = pathlib.PurePosixPath(name).name
            if file_name not in partition:
                raise DataError(f"{name} in {raw} is not listed in {_PARTITION}.")
            split = partition[file_name]
        splits.setdefault(split, []).append(name)
    notes = ["Attributes, landmarks and identities are not filled in (all zero)."]
    if not partition:
        notes.append(f"There was no {_PARTITION}: all images are in train.")
    notes.append(
        f"Images with a short side over {_PORTRAIT_SIDE} are scaled down to it; "
        "others are kept byte by byte. With other sizes than 218x178, TFDS itself "
        "reads them by version only, as celeb_a:2.1.0."
    )

    def examples(names: list[str]) -> Examples:
        for name in names:
            content = images.read(name)
            check_image(content, f"{raw}: {name}")
            yield name, {"image": io.BytesIO(shrink(content, _PORTRAIT_SIDE))}

    return _image_plan(splits, examples, notes)


def imagenet2012(raw: pathlib.Path) -> Plan:
    """ImageNet from its official tars, or from a folder or zip of photographs."""
    if tars := raw_imagenet.find_tars(raw):
        return Plan(
            {
                split: lambda split=split, path=path: (
                    _photograph(*photograph)
                    for photograph in raw_imagenet.tar_photographs(split, path)
                )
                for split, path in tars.items()
            },
            counts={},
            notes=[],
        )
    images = find_images(raw)

    def examples(names: list[str]) -> Examples:
        for name in names:
            content = images.read(name)
            check_image(content, f"{raw}: {name}")
            yield _photograph(name, content, raw_imagenet.wordnet_id_of(name, raw))

    return _image_plan(raw_imagenet.labelled_splits(images, raw), examples, [])


PLANS: dict[str, Callable[[pathlib.Path], Plan]] = {
    "celeb_a": celeb_a,
    "cifar10": cifar10,
    "cifar100": cifar100,
    "imagenet2012": imagenet2012,
    "mnist": mnist,
    "svhn": svhn,
    "tiny_imagenet": tiny_imagenet,
}


def _missing(splits: dict[str, tuple[np.ndarray, ...]], **whole: int) -> list[str]:
    """Notes on splits that have not as many images as they are known to have."""
    found = {split: len(splits[split][0]) if split in splits else 0 for split in whole}
    return [
        f"A subset: {found[split]:,} of {count:,} {split} images."
        for split, count in whole.items()
        if found[split] != count
    ]


def _array_plan(
    splits: dict[str, tuple[np.ndarray, ...]],
    notes: list[str],
    *,
    ids: bool,
    labels: tuple[str, ...] = ("label",),
) -> Plan:
    def examples(split: str) -> Examples:
        for i, values in enumerate(zip(*splits[split], strict=True)):
            example = dict(zip(("image", *labels), values, strict=True))
            yield i, {**example, "id": f"{split}_{i:05d}"} if ids else example

    return Plan(
        {split: lambda split=split: examples(split) for split in splits},
        {split: len(columns[0]) for split, columns in splits.items()},
        notes,
    )


def _image_plan(
    splits: dict[str, list[str]],
    examples: Callable[[list[str]], Examples],
    notes: list[str],
) -> Plan:
    return Plan(
        {split: lambda names=names: examples(names) for split, names in splits.items()},
        {split: len(names) for split, names in splits.items()},
        notes,
    )


def _photograph(
    name: str, content: bytes, wordnet_id: str
) -> tuple[str, dict[str, Any]]:
    file_name = pathlib.PurePosixPath(name).name
    return name, {
        "image": io.BytesIO(content),
        "label": wordnet_id,
        "file_name": file_name,
    }


def _partition(raw: pathlib.Path, images: Images) -> dict[str, str]:
    """CelebA's own list, beside the images or in their folder: file name -> split."""
    folders = [raw.parent] if raw.is_file() else [raw, raw.parent]
    paths = [folder / _PARTITION for folder in folders]
    path = next((path for path in paths if path.is_file()), None)
    if path is None:
        return {}
    partition = {}
    for line in path.read_text().splitlines():
        words = line.split()
        if len(words) != 2 or words[1] not in _CELEB_SPLITS:
            raise DataError(f"Expected lines such as '000001.jpg 0' in {path}: {line}")
        partition[words[0]] = _CELEB_SPLITS[words[1]]
    return partition
