"""What to write for each dataset: its splits, example by example, from raw files."""

import functools
import io
import pathlib
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from ebm_tf.data import raw_arrays, raw_cifar, raw_images, raw_lists
from ebm_tf.errors import DataError

# Portraits at other sizes than CelebA's 218x178: twice what the largest network sees.
_PORTRAIT_SIDE = 256
# Images of ImageNet 2012 whose classes were never published.
_UNLABELLED = "ILSVRC2012_test_"

# (key, what reads the example, or DataError): TFDS orders them by a hash of the key.
Examples = Iterator[tuple[str | int, Callable[[], dict[str, Any]]]]


class RawDataset(NamedTuple):
    """The splits of a dataset.

    Attributes:
      examples: split -> its examples, each to be read before the next one.
      splits: which there are.
      counts: split -> how many there are, where it is known beforehand.
      notes: what a user should know about the result.
      changes: counts what happened to images as they are read, for `image_files.notes`.
    """

    examples: Callable[[str], Examples]
    splits: list[str]
    counts: dict[str, int]
    notes: list[str]
    changes: Counter[str]


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
                other = {"id": f"{split}_{i:05d}"} if ids else {}
                yield i, functools.partial(dict, example, **other)

        notes = [
            f"A subset: {counts.get(split, 0):,} of {count:,} {split} images."
            for split, count in whole.items()
            if counts.get(split, 0) != count
        ]
        return RawDataset(examples, list(splits), counts, notes, Counter())

    return found


def mnist(raw: pathlib.Path) -> RawDataset:
    """MNIST from a folder of IDX files."""
    found = of_arrays(raw_arrays.read_mnist)(raw)
    if "test" not in found.splits:
        found.notes.append("There were no test files (t10k-*).")
    return found


def celeb_a(raw: pathlib.Path) -> RawDataset:
    """Faces from a folder or zip, in CelebA's splits where its list is there."""
    images = raw_images.find_images(raw, _PORTRAIT_SIDE)
    partition = raw_lists.partition(images.files)

    def split_of(name: str) -> str:
        if partition is None:
            return "train"
        if raw_lists.stem(name) not in partition.splits:
            raise DataError(f"{name} in {raw} is not listed in {partition.origin}.")
        return partition.splits[raw_lists.stem(name)]

    def example(name: str) -> dict[str, Any]:
        return {"image": io.BytesIO(images.read(name))}

    notes = [
        "Attributes, landmarks and identities are not filled in (all zero).",
        *_of_splits(images.names, partition),
        f"Images with a short side over {_PORTRAIT_SIDE} are scaled down to it; plain "
        "JPEGs and PNGs are kept byte by byte, and others become PNGs. With other "
        "sizes than 218x178, TFDS itself reads them by version only, as celeb_a:2.1.0.",
    ]
    return _of_images(images, images.names, split_of, example, notes)


def _of_splits(
    names: list[str], partition: raw_lists.Partition | None
) -> Iterator[str]:
    """What a user should know about the splits of faces."""
    if partition is None:
        yield "There was no list_eval_partition.txt: all images are in train."
        return
    yield f"Splits are those of {partition.origin}."
    stems = {raw_lists.stem(name) for name in names}
    if missing := len(partition.splits) - len(stems):
        yield f"A subset: {missing:,} of {len(partition.splits):,} faces are not there."
    if twice := len(names) - len(stems):
        yield f"Faces that are there twice, by the names of their files: {twice:,}."


def imagenet2012(raw: pathlib.Path) -> RawDataset:
    """ImageNet from its official tars, or from a folder or zip of photographs.

    The images of a validation split lie in a folder "val" or "validation", or have the
    official names.
    """
    folder = raw if raw.is_dir() else raw.parent
    tars = {s: folder / name for s, name in raw_images.IMAGENET_TARS.items()}
    tars = {s: p for s, p in tars.items() if p.is_file() and raw in (p, folder)}
    if tars:
        changes: Counter[str] = Counter()
        return RawDataset(
            lambda s: _of_tar(s, tars[s], changes), list(tars), {}, [], changes
        )
    images = raw_images.find_images(raw)
    classes, notes = _classes(images)

    def split_of(name: str) -> str:
        folders = pathlib.PurePosixPath(name).parts[:-1]
        is_held_out = {"val", "validation"} & set(folders)
        held_out = is_held_out or raw_lists.validation_number(name)
        return "validation" if held_out else "train"

    def example(name: str) -> dict[str, Any]:
        read = functools.partial(images.read, name)
        return _photograph(name, read, classes[name])

    return _of_images(images, list(classes), split_of, example, notes)


def _classes(images: raw_images.RawImages) -> tuple[dict[str, str], list[str]]:
    """The WordNet id of each photograph that has a class, and notes."""
    raw = images.files.origin
    found = {name: raw_lists.class_in(name, raw) for name in images.names}
    without = [name for name, wordnet_id in found.items() if wordnet_id is None]
    unlabelled = [n for n in without if raw_lists.stem(n).startswith(_UNLABELLED)]
    flat = [name for name in without if name not in {*unlabelled}]
    notes = []
    if unlabelled:
        notes.append(f"Left out, without classes: {len(unlabelled):,} {_UNLABELLED}*.")
    if flat:
        listed = raw_lists.validation_classes(images.files, flat)
        found |= {name: listed.of(name) for name in flat}
        origin = listed.origin or "TFDS"
        notes.append(f"Classes by the list of {origin}: {len(flat):,} images.")
    classes = {name: wordnet_id for name, wordnet_id in found.items() if wordnet_id}
    if left := next((name for name in flat if name not in classes), None):
        raise DataError(
            f"{left} in {raw} has no class: expected a file name or a folder that "
            "begins with a WordNet id such as n01440764, or an official name such as "
            "ILSVRC2012_val_00000001.JPEG that is listed."
        )
    if not classes:
        raise DataError(f"{raw} has no images with classes.")
    return classes, notes


RAW_DATASETS: dict[str, Callable[[pathlib.Path], RawDataset]] = {
    "celeb_a": celeb_a,
    "cifar10": of_arrays(raw_cifar.read_cifar10, ids=True, train=50_000, test=10_000),
    "cifar100": of_arrays(
        raw_cifar.read_cifar100,
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
    images: raw_images.RawImages,
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
            yield name, functools.partial(example, name)

    counts = {split: len(names) for split, names in splits.items()}
    notes = images.notes + notes
    return RawDataset(examples, list(splits), counts, notes, images.changes)


def _of_tar(split: str, path: pathlib.Path, changes: Counter[str]) -> Examples:
    seen = set()
    for name, read, wordnet_id in raw_images.imagenet_tar(split, path, changes):
        if name in seen:  # by which TFDS fails, after hours
            raise DataError(f"{path} has {name} twice.")
        seen.add(name)
        yield name, functools.partial(_photograph, name, read, wordnet_id)


def _photograph(
    name: str, read: Callable[[], bytes], wordnet_id: str
) -> dict[str, Any]:
    file_name = pathlib.PurePosixPath(name).name
    image = io.BytesIO(read())
    return {"image": image, "label": wordnet_id, "file_name": file_name}
