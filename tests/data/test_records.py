"""The order of record files, on more files than one group holds."""

import numpy as np
import pytest
import tensorflow as tf

from ebm_tf.data import prepared
from ebm_tf.data.sources import epoch_keys

NUM_FILES, PER_FILE = 37, 5


@pytest.fixture(scope="module")
def shards(tmp_path_factory) -> prepared.Shards:
    folder = tmp_path_factory.mktemp("records")
    paths = [str(folder / f"{i:02d}.tfrecord") for i in range(NUM_FILES)]
    for i, path in enumerate(paths):
        with tf.io.TFRecordWriter(path) as writer:
            for j in range(PER_FILE):
                writer.write(str(i * PER_FILE + j).encode())
    skip, take = [0] * NUM_FILES, [PER_FILE] * NUM_FILES
    skip[3], take[3] = 2, 3  # a part of a file, as slices of splits have
    return prepared.Shards(paths, skip, take)


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    monkeypatch.setattr(prepared, "_RECORDS_PER_BLOCK", 20)


def read(dataset: tf.data.Dataset) -> list[int]:
    """The numbers in the records, each of which is at the index that goes with it."""
    pairs = [(one["index"], int(one["record"])) for one in dataset.as_numpy_iterator()]
    assert all(everything()[index] == record for index, record in pairs)
    return [record for _, record in pairs]


def epoch(shards: prepared.Shards, seed: int, number: int, skip: int = 0) -> list[int]:
    key, _ = epoch_keys(seed, tf.constant(number, tf.int64))
    return read(prepared.shuffled(shards, key, tf.constant(skip, tf.int64)))


def everything() -> list[int]:
    return [i for i in range(NUM_FILES * PER_FILE) if i not in (15, 16)]


def test_file_order(shards):
    assert read(prepared.in_order(shards)) == everything()


def test_an_epoch_is_a_permutation_of_its_own(shards):
    first, second = epoch(shards, 1, 0), epoch(shards, 1, 1)
    assert sorted(first) == sorted(second) == everything()
    assert first != second != everything()
    assert epoch(shards, 2, 0) != first


def test_order_is_pure_whatever_the_global_seed(shards):
    tf.random.set_seed(1)
    first = epoch(shards, 1, 0)
    tf.random.set_seed(2)
    assert epoch(shards, 1, 0) == first


@pytest.mark.parametrize("skip", [0, 1, 19, 79, 80, 81, 158, 160, 182, 183])
def test_skipping_equals_reading_on(shards, skip):
    assert epoch(shards, 1, 0, skip) == epoch(shards, 1, 0)[skip:]


def test_skipped_groups_are_not_read(shards, tmp_path):
    whole = epoch(shards, 1, 0)
    first_group = {shards.paths[record // PER_FILE] for record in whole[:78]}
    paths = [
        str(tmp_path / "none") if path in first_group else path for path in shards.paths
    ]
    assert len(first_group) == 16
    assert epoch(shards._replace(paths=paths), 1, 0, 80) == whole[80:]


def test_a_file_with_too_few_records_is_told(shards):
    cut = shards._replace(take=[PER_FILE + 1, *shards.take[1:]])
    with pytest.raises(tf.errors.FailedPreconditionError):
        epoch(cut, 1, 0)


def test_neighbours_come_from_many_files(shards):
    files = np.array(epoch(shards, 1, 0)) // PER_FILE
    assert len(set(files[:20])) >= 4
