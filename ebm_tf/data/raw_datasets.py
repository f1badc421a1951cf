"""What to write for each dataset: its splits, example by example, from raw files."""

import io
import pathlib
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from ebm_tf.data import raw_arrays, raw_images
from ebm_tf.errors import DataError

# Portraits at other sizes than CelebA's 218x178: twice what the largest network sees.
_PORTRAIT_SIDE = 256
_PARTITION = "list_eval_partition.txt"
_CELEB_SPLITS = {"0": "train", "1": "validation", "2": "test"}

# TFDS's (key, example): its order on disk is by a hash of the key.
Examples = Iterator[tuple[str | int, dict[str, Any]]]


class RawDataset(NamedTuple):
    """The splits of a dataset.

    Attributes:
      examples: split -> its examples, read as they are yielded.
      splits: which there are.
      counts: split -> how many there are, where it is known beforehand.
      notes: what a user should know about the result.
    """

    examples: Callable[[str], Examples]
    splits: list[str]
    counts: dict[str, int]
    notes: list[str]


def of_arrays(
    read: Callable[[pathlib.Path], raw_arrays.Splits],
    *,
    ids: bool = False,
    labels: tuple[str, ...] = ("label",),
    **whole: int,
) -> Callable[[pathlib.Path], RawDataset]:
    """A dataset that one of `raw_arrays` reads.

    Args:
      read: the reader.
      ids: whether examples have a feature "id".
      labels: the features that the reader's labels are.
      **whole: by split, how many images it is known to have.

    Returns:
      raw -> the dataset.
    """

    def found(raw: pathlib.Path) -> RawDataset:
        splits = read(raw)
        counts = {split: len(columns[0]) for split, columns in splits.items()}

        def examples(split: str) -> Examples:
            for i, values in enumerate(zip(*splits[split], strict=True)):
                example = dict(zip(("image", *labels), values, strict=True))
                yield i, {**example, "id": f"{split}_{i:05d}"} if ids else example

        notes = [
            f"A subset: {counts.get(split, 0):,} of {count:,} {split} images."
            for split, count in whole.items()
            if counts.get(split, 0) != count
        ]
        return RawDataset(examples, list(splits), counts, notes)

    return found


def mnist(raw: pathlib.Path) -> RawDataset:
    """MNIST from a folder of IDX files."""
    found = of_arrays(raw_arrays.read_mnist)(raw)
    if "test" not in found.splits:
        found.notes.append("There were no test files (t10k-*).")
    return found


def celeb_a(raw: pathlib.Path) -> RawDataset:
    """Faces from a folder or zip, in CelebA's splits where its list is there."""
    names, read = raw_images.find_images(raw)
    partition = _partition(raw)

    def split_of(name: str) -> str:
        file_name = pathlib.PurePosixPath(name).name
        if partition and file_name not in partition:
            raise DataError(f"{name} in {raw} is not listed in {_PARTITION}.")
        return partition[file_name] if partition else "train"

    def example(name: str) -> dict[str, Any]:
        content = raw_images.shrink(read(name), _PORTRAIT_SIDE)
        return {"image": io.BytesIO(content)}

    notes = ["Attributes, landmarks and identities are not filled in (all zero)."]
    if not partition:
        notes.append(f"There was no {_PARTITION}: all images are in train.")
    notes.append(
        f"Images with a short side over {_PORTRAIT_SIDE} are scaled down to it; "
        "others are kept byte by byte. With other sizes than 218x178, TFDS itself "
        "reads them by version only, as celeb_a:2.1.0."
    )
    return _of_images(names, split_of, example, notes)


def imagenet2012(raw: pathlib.Path) -> RawDataset:
    """ImageNet from its official tars, or from a folder or zip of photographs.

    The images of a validation split lie in a folder "val" or "validation".
    """
    folder = raw if raw.is_dir() else raw.parent
    tars = {s: folder / name for s, name in raw_images.IMAGENET_TARS.items()}
    tars = {s: p for s, p in tars.items() if p.is_file() and raw in (p, folder)}
    if tars:
        return RawDataset(lambda s: _of_tar(s, tars[s]), list(tars), {}, [])
    names, read = raw_images.find_images(raw)

    def split_of(name: str) -> str:
        raw_images.wordnet_id_of(name, raw)  # raises where there is none
        folders = pathlib.PurePosixPath(name).parts[:-1]
        return "validation" if {"val", "validation"} & set(folders) else "train"

    def example(name: str) -> dict[str, Any]:
        return _photograph(name, read(name), raw_images.wordnet_id_of(name, raw))

    return _of_images(names, split_of, example, notes=[])


RAW_DATASETS: dict[str, Callable[[pathlib.Path], RawDataset]] = {
    "celeb_a": celeb_a,
    "cifar10": of_arrays(raw_arrays.read_cifar10, ids=True, train=50_000, test=10_000),
    "cifar100": of_arrays(
        raw_arrays.read_cifar100,
        ids=True,
        labels=("coarse_label", "label"),
        train=50_000,
        test=10_000,
    ),
    "imagenet2012": imagenet2012,
    "mnist": mnist,
    "svhn": of_arrays(raw_arrays.read_svhn, ids=True, train=73_257, test=26_032),
    "tiny_imagenet": of_arrays(
        raw_arrays.read_tiny_imagenet, train=100_000, validation=10_000
    ),
}


def _of_images(
    names: list[str],
    split_of: Callable[[str], str],
    example: Callable[[str], dict[str, Any]],
    notes: list[str],
) -> RawDataset:
    splits: dict[str, list[str]] = {}
    for name in names:
        splits.setdefault(split_of(name), []).append(name)

    def examples(split: str) -> Examples:
        for name in splits[split]:
            yield name, example(name)

    counts = {split: len(names) for split, names in splits.items()}
    return RawDataset(examples, list(splits), counts, notes)


def _of_tar(split: str, path: pathlib.Path) -> Examples:
    for name, content, wordnet_id in raw_images.imagenet_tar(split, path):
        yield name, _photograph(name, content, wordnet_id)


def _photograph(name: str, content: bytes, wordnet_id: str) -> dict[str, Any]:
    file_name = pathlib.PurePosixPath(name).name
    image = io.BytesIO(content)
    return {"image": image, "label": wordnet_id, "file_name": file_name}


def _partition(raw: pathlib.Path) -> dict[str, str]:
    """CelebA's own list, beside the images or in their folder: file name -> split."""
    folders = [raw.parent] if raw.is_file() else [raw, raw.parent]
    paths = [folder / _PARTITION for folder in folders]
    path = next((path for path in paths if path.is_file()), None)
    partition = {}
    for line in path.read_text().splitlines() if path else []:
        words = line.split()
        if len(words) != 2 or words[1] not in _CELEB_SPLITS:
            raise DataError(f"Expected lines such as '000001.jpg 0' in {path}: {line}")
        partition[words[0]] = _CELEB_SPLITS[words[1]]
    return partition
