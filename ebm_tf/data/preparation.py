"""Raw files that a user has, written in TFDS format without a network."""

import io
import os
import pathlib
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, redirect_stdout
from typing import Any, NamedTuple

import tensorflow as tf
import tensorflow_datasets as tfds
from tensorflow_datasets.core import constants
from tqdm import tqdm

from ebm_tf.data import image_files
from ebm_tf.data.prepared import tfds_name
from ebm_tf.data.raw_cifar import CIFAR_CLASSES
from ebm_tf.data.raw_datasets import RAW_DATASETS, RawDataset
from ebm_tf.errors import DataError

_PREFIX = ".preparing-"
_UPLOADS_AT_ONCE = 8
_MOST_NAMED = 5


class Prepared(NamedTuple):
    """A dataset that was written.

    Attributes:
      counts: split -> how many examples it has.
      directory: the data_dir that finds it.
      notes: what a user should know about it.
    """

    counts: dict[str, int]
    directory: os.PathLike[str]
    notes: list[str]


def prepare(
    name: str,
    raw: str,
    directory: str | None = None,
    *,
    overwrite: bool = False,
    skip_unreadable: bool = False,
    dry_run: bool = False,
) -> Prepared:
    """Writes raw files as the TFDS dataset of the standard name and version.

    It is written beside its place, or on the local disk where this is in a cloud
    bucket, and moved there when it is whole: whatever ends this early leaves no half
    dataset.

    Args:
      name: a key of RAW_DATASETS.
      raw: a file or a folder on a local disk.
      directory: where TFDS datasets lie; TFDS's own choice if None.
      overwrite: whether a dataset that is there is replaced, once the new one is whole.
      skip_unreadable: whether images that cannot be read are left out.
      dry_run: whether only to find the raw files; counts of ImageNet's tars are
        then not known.

    Raises:
      DataError: for raw files that are missing, damaged or of another format, a
        dataset that is there, or a place that cannot be written.
    """
    if name not in RAW_DATASETS:
        known = ", ".join(RAW_DATASETS)
        raise DataError(f"Unknown dataset {name!r}: there are {known}.")
    if "://" in raw:
        raise DataError(f"Expected {raw} on a local disk: copy it there first.")
    target = _target(directory or constants.DATA_DIR)
    is_local = isinstance(target, pathlib.Path)
    with _raises_data_errors(target):
        source = pathlib.Path(os.path.expanduser(raw))
        if not source.exists():
            raise DataError(f"{raw} does not exist.")
        place = target / tfds_name(name) / _version(name)
        if place.exists() and not overwrite:
            raise DataError(f"{place} is there already: --overwrite replaces it.")
        found = RAW_DATASETS[name](source)
        counts, unreadable = found.counts, []
        for split, count in counts.items():
            _require_images(count, split, raw)
        if not dry_run:
            here = _folder_in(target) if is_local else tempfile.TemporaryDirectory()
            with here as folder:
                skipped = unreadable if skip_unreadable else None
                counts = _write(name, found, folder, raw, skipped)
                written = pathlib.Path(folder, *place.parts[-2:])
                (_move if is_local else _upload)(written, place)
    left = sorted(target.glob(f"{_PREFIX}*")) if is_local else []
    notes = [f"{p} is of a preparation that was killed or still runs." for p in left]
    notes = (
        found.notes + _skipped(unreadable) + image_files.notes(found.changes) + notes
    )
    return Prepared(counts, target, notes)


def _require_images(count: int, split: str, raw: str) -> None:
    if not count:
        raise DataError(f"The files of split {split} in {raw} hold no images.")


def _skipped(unreadable: list[str]) -> list[str]:
    if not unreadable:
        return []
    named = ", ".join(unreadable[:_MOST_NAMED])
    more = ", ..." if len(unreadable) > _MOST_NAMED else ""
    return [f"Left out, as they cannot be read: {len(unreadable):,} ({named}{more})."]


def _target(directory: str) -> Any:
    """The folder of all datasets as a path of its file system."""
    if (shown := directory.encode("utf-8", "backslashreplace").decode()) != directory:
        raise DataError(f"Expected data_dir={shown} to be text in UTF-8.")
    if "://" not in directory:
        return pathlib.Path(os.path.expanduser(directory)).absolute()
    try:
        return tfds.core.Path(directory)
    except KeyError:
        raise DataError(
            f"Expected data_dir={directory} to be a local folder or one in a cloud "
            "bucket, gs://..."
        ) from None


@contextmanager
def _raises_data_errors(target: os.PathLike[str]) -> Iterator[None]:
    try:
        yield
    except (OSError, tf.errors.OpError) as error:
        reason = " ".join(str(error).split())[:200]
        raise DataError(f"Preparing under {target} failed: {reason}") from None


def _write(
    name: str, found: RawDataset, folder: str, raw: str, skipped: list[str] | None
) -> dict[str, int]:
    features = _features(name, folder)
    tfds.disable_progress_bar()  # TFDS's own do not know how much there is
    # TFDS prints that it downloads, which it does not.
    with redirect_stdout(io.StringIO()):
        builder = tfds.dataset_builders.store_as_tfds_dataset(
            name=tfds_name(name),
            version=_version(name),
            features=features,
            split_datasets={
                split: _watched(found, split, features, raw, skipped)
                for split in found.splits
            },
            data_dir=folder,
            description=f"{name}, prepared from raw files by tools/prepare_data.py.",
        )
    return {split: info.num_examples for split, info in builder.info.splits.items()}


def _version(name: str) -> str:
    if name == "tiny_imagenet":  # none of TFDS's
        return "1.0.0"
    return str(tfds.builder_cls(tfds_name(name)).VERSION)


# TFDS annotates its features too loosely for a type checker; hence Any.
def _features(name: str, folder: str) -> Any:
    if name == "tiny_imagenet":
        image = tfds.features.Image(shape=(64, 64, 3), encoding_format="png")
        label = tfds.features.ClassLabel(num_classes=200)
        return tfds.features.FeaturesDict({"image": image, "label": label})
    features: Any = tfds.builder(tfds_name(name), data_dir=folder).info.features
    other = {}
    if name == "cifar10":  # TFDS takes the names from a file that it downloads
        other["label"] = tfds.features.ClassLabel(names=CIFAR_CLASSES)
    if name == "celeb_a":  # the standard fixes 218x178; portraits have other sizes
        shape = (None, None, 3)
        other["image"] = tfds.features.Image(shape=shape, encoding_format="jpeg")
    return tfds.features.FeaturesDict({**features, **other}) if other else features


def _watched(
    found: RawDataset, split: str, features: Any, raw: str, skipped: list[str] | None
) -> Iterator[tuple[str | int, dict[str, Any]]]:
    """TFDS's examples with zeros for what raw files lack, and a progress bar.

    Keys of what cannot be read are added to `skipped`, where there is such a list.
    """
    examples, total, count = found.examples(split), found.counts.get(split), 0
    for key, read in tqdm(examples, split, total, unit=" images", disable=None):
        try:
            example = read()
        except DataError as error:
            if skipped is None:
                raise DataError(f"{error} --skip_unreadable leaves it out.") from None
            skipped.append(str(key))
            continue
        count += 1
        zeros = {
            name: {part: feature.np_dtype(0) for part, feature in group.items()}
            for name, group in features.items()
            if name not in example
        }
        yield key, {**zeros, **example}
    _require_images(count, split, raw)  # TFDS fails on none


@contextmanager
def _folder_in(target: pathlib.Path) -> Iterator[str]:
    """A folder beside the datasets that goes away, and target too if it is empty."""
    missing = [path for path in [target, *target.parents] if not path.exists()]
    target.mkdir(parents=True, exist_ok=True)
    try:
        with tempfile.TemporaryDirectory(
            prefix=_PREFIX, dir=target, ignore_cleanup_errors=True
        ) as folder:
            yield folder
    finally:
        for path in missing:
            if any(path.iterdir()):
                break
            path.rmdir()


def _move(written: pathlib.Path, place: pathlib.Path) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    if place.exists():
        place.rename(written.parent / "replaced")  # goes away with it
    written.rename(place)


def _upload(written: pathlib.Path, place: Any) -> None:
    if place.exists():
        place.rmtree()
    place.mkdir(parents=True, exist_ok=True)

    def copy(path: pathlib.Path) -> None:
        tfds.core.Path(path).copy(place / path.name, overwrite=True)

    # Descriptions come last: without them a half upload is no dataset.
    described = sorted(written.glob("*.json"))
    with ThreadPoolExecutor(_UPLOADS_AT_ONCE) as pool:
        list(pool.map(copy, sorted({*written.iterdir()} - {*described})))
    for path in described:
        copy(path)
