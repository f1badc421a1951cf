"""Datasets in TFDS format, read in an order that is a pure function of a key."""

import functools
import os
import pathlib
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf
import tensorflow_datasets as tfds
from tensorflow_datasets.core import constants, hashing, read_only_builder

from ebm_tf.data.arrays import array_source
from ebm_tf.data.sources import NO_IDS, PREPARE_AGAIN, Source
from ebm_tf.errors import DataError
from ebm_tf.runtime.record_files import digest_of_records

# An epoch reads its files in random order, 16 at once, and shuffles block by block. A
# block is what tf.data's shuffle buffer would be, but its order is stateless: that of
# Dataset.shuffle also depends on the global seed. The sizes of the files are known, so
# a resumed epoch leaves out whole groups of files without reading them.
_FILES_PER_GROUP = 16
_RECORDS_PER_TURN = 16
_RECORDS_PER_BLOCK = 2560


class Shards(NamedTuple):
    """The record files of a split, and which of their records belong to it."""

    paths: list[str]
    skip: list[int]
    take: list[int]


def in_order(shards: Shards) -> tf.data.Dataset:
    """{"index", "record"} of the serialized examples in file order."""
    records = _files(shards, tf.range(len(shards.paths))).flat_map(_read)
    return records.apply(tf.data.experimental.assert_cardinality(sum(shards.take)))


def shuffled(shards: Shards, key: tf.Tensor, skip: tf.Tensor) -> tf.data.Dataset:
    """The same in the order of a key [2], without the first skip []."""
    num_files = len(shards.paths)
    order = tf.random.experimental.stateless_shuffle(tf.range(num_files), key)
    # ends[g] examples lie before group g.
    sizes = tf.pad(
        tf.gather(tf.constant(shards.take, tf.int64), order),
        [[0, -num_files % _FILES_PER_GROUP]],
    )
    sizes = tf.reduce_sum(tf.reshape(sizes, [-1, _FILES_PER_GROUP]), axis=1)
    ends = tf.pad(tf.cumsum(sizes), [[1, 0]])
    first = tf.searchsorted(ends, [skip], side="right")[0] - 1

    def read_group(group: tf.Tensor, files: tuple[tf.Tensor, ...]) -> tf.data.Dataset:
        group_key = tf.random.experimental.stateless_fold_in(key, group)
        records = tf.data.Dataset.from_tensor_slices(files).interleave(
            _read,
            cycle_length=_FILES_PER_GROUP,
            block_length=_RECORDS_PER_TURN,
            num_parallel_calls=tf.data.AUTOTUNE,
            deterministic=True,
        )
        blocks = records.batch(_RECORDS_PER_BLOCK).enumerate()
        return blocks.map(lambda i, block: _shuffled_block(block, group_key, i))

    groups = _files(shards, order).batch(_FILES_PER_GROUP).enumerate()
    blocks = groups.skip(tf.cast(first, tf.int64)).flat_map(read_group)
    # The next block is read while the present one is used.
    records = blocks.prefetch(1).unbatch().skip(skip - ends[first])
    remaining = sum(shards.take) - skip
    return records.apply(tf.data.experimental.assert_cardinality(remaining))


def _shuffled_block(
    block: dict[str, tf.Tensor], key: tf.Tensor, number: tf.Tensor
) -> dict[str, tf.Tensor]:
    block_key = tf.random.experimental.stateless_fold_in(key, number)
    positions = tf.range(tf.size(block["index"]))
    order = tf.random.experimental.stateless_shuffle(positions, block_key)
    return {part: tf.gather(values, order) for part, values in block.items()}


def _files(shards: Shards, order: tf.Tensor) -> tf.data.Dataset:
    """(path, skip, take, index of the first record) of the files in an order."""
    first = np.cumsum([0, *shards.take[:-1]])
    counts = (tf.constant(column, tf.int64) for column in (*shards[1:], first))
    columns = (tf.gather(c, order) for c in (tf.constant(shards.paths), *counts))
    return tf.data.Dataset.from_tensor_slices(tuple(columns))


def _read(
    path: tf.Tensor, skip: tf.Tensor, take: tf.Tensor, first: tf.Tensor
) -> tf.data.Dataset:
    records = tf.data.TFRecordDataset(path).skip(skip).take(take)
    indices = tf.data.Dataset.range(first, first + take)
    return tf.data.Dataset.zip({"index": indices, "record": records})


# Where a dataset's name here is not that of TFDS.
_TFDS_NAMES = {"svhn": "svhn_cropped"}
# Features by which datasets of TFDS name their examples.
_NAMING = ("id", "file_name", "filename", "image/filename", "image_id", "image/id")
# Those whose examples have no name, and whose keys are their places in published files.
_NUMBERED = ("mnist", "fashion_mnist", "kmnist")
_SECONDS_TO_ANSWER = 5
_BYTES_AROUND_RECORD = 16  # a TFRecord's length and two checksums


def tfds_name(name: str) -> str:
    """The name under which TFDS keeps a dataset."""
    return _TFDS_NAMES.get(name, name)


def streamed(name: str, split: str, directory: str | None) -> Source:
    """A source that reads records as they are needed and decodes them last.

    Args:
      name: a dataset in TFDS format with a feature "image", and perhaps "label".
      split: a split or a part of one in TFDS's notation, such as "train[:10%]".
      directory: where TFDS datasets lie; TFDS's own choice if None.

    Raises:
      DataError: if the dataset is not prepared there, has no such split or is cut off.
    """
    builder = find_records(name, directory)
    if builder is None:
        raise DataError(_how_to_prepare(name, directory))
    return source_of_records(builder, name, split)


def held(name: str, split: str, directory: str | None, *, probe: str) -> Source:
    """A source for small images of one size, decoded once and held in memory.

    A dataset that is not prepared is downloaded by TFDS, if an address, `probe`,
    answers: TFDS itself tries an unreachable one for minutes. All else is as for
    `streamed`.
    """
    builder = find_records(name, directory) or _download(name, directory, probe)
    source = source_of_records(builder, name, split)
    examples = source.in_order().map(source.decode, num_parallel_calls=tf.data.AUTOTUNE)
    with raises_data_errors(source):
        batches = list(examples.batch(1024).as_numpy_iterator())
    images, labels = (
        np.concatenate([batch[part] for batch in batches])
        for part in ["image", "label"]
    )
    held_in_memory = array_source(
        images, labels, name=name, split=split, origin=source.origin
    )
    return held_in_memory._replace(ids=source.ids, published_by_id=True)


@contextmanager
def raises_data_errors(source: Source) -> Iterator[None]:
    """Turns TensorFlow's errors of reading into one line.

    Raises:
      DataError: where files are missing, cut off or damaged.
    """
    try:
        yield
    except tf.errors.InvalidArgumentError as error:
        raise DataError(
            f"Dataset {source.name} in {source.origin} is damaged, or has an image "
            f"that TensorFlow cannot decode: {source.remedy}, which tries every image "
            f"and names the one ({_reason(error)})."
        ) from None
    except (
        tf.errors.DataLossError,
        tf.errors.FailedPreconditionError,
        tf.errors.NotFoundError,
        tf.errors.UnknownError,  # of what is read in Python
    ) as error:
        raise DataError(
            f"Dataset {source.name} in {source.origin} is damaged: {source.remedy} "
            f"({_reason(error)})."
        ) from None


def source_of_records(
    builder: tfds.core.DatasetBuilder,
    name: str,
    split: str,
    keys: tuple[str, str] = ("image", "label"),
) -> Source:
    """A source of what lies in TFDS format.

    Args:
      builder: that has found it.
      name: what messages call it.
      split: a split or a part of one in TFDS's notation.
      keys: the features of images and of labels, of which the second may be missing.

    Raises:
      DataError: if there is no such split, or it is cut off.
    """
    shards = _shards(builder, name, split)
    # TFDS annotates its features too loosely for a type checker; hence Any.
    everything: Any = builder.info.features
    image_key, label_key = keys
    wanted = {image_key, label_key} & set(everything)
    partial = tfds.decode.PartialDecoding(dict.fromkeys(wanted, True))
    features: Any = partial.extract_features(everything)

    @functools.cache
    def ids() -> np.ndarray:
        numbered = tfds_name(name) in _NUMBERED
        return _numbers(builder, shards) if numbered else _ids(shards, everything)

    def decode(encoded: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        example = features.deserialize_example(encoded["record"])
        label = example.get(label_key, tf.constant(-1, tf.int64))
        return {"image": example[image_key], "label": tf.cast(label, tf.int64)}

    return Source(
        name=name,
        split=split,
        origin=os.fspath(builder.data_path),
        num_examples=sum(shards.take),
        shape=None,
        one_size=False,
        in_order=lambda: in_order(shards),
        shuffled=lambda key, skip: shuffled(shards, key, skip),
        decode=decode,
        digest=lambda count: digest_of_records(_first(shards, count)),
        ids=ids,
        published_by_id=True,
    )


def _ids(shards: Shards, everything: Any) -> np.ndarray:
    """What the feature that names examples says, str [n]; [0] where there is none."""
    key = next((key for key in _NAMING if key in everything), None)
    if key is None:
        return NO_IDS
    partial = tfds.decode.PartialDecoding({key: True})
    features: Any = partial.extract_features(everything)
    names = in_order(shards).map(
        lambda example: features.deserialize_example(example["record"])[key]
    )
    values = list(names.as_numpy_iterator())
    return np.array([v.decode() if isinstance(v, bytes) else str(v) for v in values])


def _numbers(builder: tfds.core.DatasetBuilder, shards: Shards) -> np.ndarray:
    """The split and the key of examples, str [n], where keys are 0, 1, ...

    TFDS writes examples in the order of a hash of their keys and their split.
    """
    of_files = {}
    for split, info in builder.info.splits.items():
        hash_of = hashing.Hasher(split).hash_key
        keys = sorted(range(info.num_examples), key=hash_of)
        names = np.array([f"{split}_{key:05d}" for key in keys])
        parts = np.split(names, np.cumsum(info.shard_lengths)[:-1])
        paths = [os.fspath(path) for path in info.filepaths]
        of_files |= dict(zip(paths, parts, strict=True))
    wanted = zip(*shards, strict=True)
    return np.concatenate([of_files[path][skip:][:take] for path, skip, take in wanted])


def _first(shards: Shards, count: int) -> Iterator[tuple[str, int, int]]:
    """(path, skip, take) of the files with the first so many records."""
    for path, skip, take in zip(*shards, strict=True):
        if count > 0:
            yield path, skip, min(take, count)
        count -= take


def _shards(builder: tfds.core.DatasetBuilder, name: str, split: str) -> Shards:
    splits = builder.info.splits
    try:
        files = splits[split].file_instructions
    except (AssertionError, KeyError, ValueError):  # TFDS raises one or another
        known = (f"{key} of {splits[key].num_examples:,}" for key in sorted(splits))
        raise DataError(
            f"Dataset {name} in {builder.data_path} has no split {split!r}: it has "
            f"{', '.join(known)} images, and slices of these such as train[:1000]."
        ) from None
    if not files:
        raise DataError(f"Split {split!r} of dataset {name} has no examples.")
    _check_sizes(builder, name, split.partition("[")[0])
    columns = zip(
        *((os.fspath(f.filename), f.skip, f.take) for f in files), strict=True
    )
    return Shards(*map(list, columns))


def _check_sizes(builder: tfds.core.DatasetBuilder, name: str, split: str) -> None:
    """Finds a half-copied dataset at once, not hours into a run."""
    info = builder.info.splits.get(split)
    if info is None or "://" in os.fspath(builder.data_path):
        return  # a sum of splits, or a bucket, where asking for sizes is slow
    paths = [pathlib.Path(path) for path in info.filepaths]
    if missing := [path for path in paths if not path.exists()]:
        raise DataError(f"Dataset {name} lacks the file {missing[0]}: {PREPARE_AGAIN}.")
    size = sum(path.stat().st_size for path in paths)
    expected = info.num_bytes + _BYTES_AROUND_RECORD * info.num_examples
    if size < expected:
        raise DataError(
            f"Dataset {name} in {builder.data_path} is cut off: split {split} has "
            f"{size:,} of {expected:,} bytes: {PREPARE_AGAIN}."
        )


def find_records(name: str, directory: str | None) -> tfds.core.DatasetBuilder | None:
    """Reads what lies there: no dataset code, no network, any version."""
    if directory is not None:
        directory = os.path.expanduser(directory)
    try:
        return read_only_builder.builder_from_files(tfds_name(name), data_dir=directory)
    except tfds.core.DatasetNotFoundError:
        return None
    except Exception as error:  # of JSON, protocol buffers, missing keys
        raise DataError(
            f"The description of dataset {name} under "
            f"{directory or constants.DATA_DIR} cannot be read ({_reason(error)}): "
            f"{PREPARE_AGAIN}."
        ) from None


def answers(address: str) -> None:
    """Asks a server for a sign of life.

    Raises:
      OSError: if there is none.
    """
    request = urllib.request.Request(address, method="HEAD")
    urllib.request.urlopen(request, timeout=_SECONDS_TO_ANSWER).close()


def _download(name: str, directory: str | None, probe: str) -> tfds.core.DatasetBuilder:
    try:
        answers(probe)
        builder = tfds.builder(tfds_name(name), data_dir=directory)
        builder.download_and_prepare()
    except Exception as error:  # of networks, disks, checksums
        how = _how_to_prepare(name, directory)
        raise DataError(f"{how} (Downloading it failed: {_reason(error)})") from None
    return builder


def _how_to_prepare(name: str, directory: str | None) -> str:
    return (
        f"Dataset {name} is not prepared under {directory or constants.DATA_DIR}: run "
        f"python3 tools/prepare_data.py {name} RAW_FOLDER"
        + (f" --data_dir {directory}" if directory else "")
    )


def _reason(error: Exception) -> str:
    return " ".join(str(getattr(error, "message", error)).split())[:200]
