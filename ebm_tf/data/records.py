"""Record files read in an order that is a pure function of a key."""

from typing import NamedTuple

import numpy as np
import tensorflow as tf

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
