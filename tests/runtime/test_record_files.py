"""A digest of records is one of their content."""

import os
import pathlib

import pytest
import tensorflow as tf

from ebm_tf.errors import DataError
from ebm_tf.runtime.record_files import digest_of_records

RECORDS = [b"one", b"", b"three" * 9, b"four"]


def write(path: pathlib.Path, records: list[bytes] = RECORDS) -> str:
    with tf.io.TFRecordWriter(str(path)) as writer:
        for record in records:
            writer.write(record)
    return str(path)


def digest(path: str, skip: int = 0, take: int = 4) -> str:
    return digest_of_records([(path, skip, take)])


def test_equal_content_has_one_digest_wherever_it_lies(tmp_path):
    first, second = write(tmp_path / "1"), write(tmp_path / "2")
    assert digest(first) == digest(second)
    halves = [(first, 0, 1), (second, 1, 3)]
    assert digest_of_records(halves) == digest(first)
    bucket = f"ram://{tmp_path.name}/1"
    tf.io.gfile.copy(first, bucket)
    assert digest(bucket) == digest(first)


@pytest.mark.parametrize(
    "others",
    [
        [b"two", *RECORDS[1:]],
        RECORDS[::-1],
        [b"", b"one", *RECORDS[2:]],
        [*RECORDS[:3], b"fou!"],
    ],
)
def test_other_content_has_another_whatever_size_and_time(tmp_path, others):
    path = tmp_path / "1"
    before, stamp = digest(write(path)), path.stat()
    write(path, others)
    os.utime(path, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    assert path.stat().st_size == stamp.st_size
    assert digest(str(path)) != before


def test_only_the_records_that_are_meant_count(tmp_path):
    first = write(tmp_path / "1")
    second = write(tmp_path / "2", [b"two", *RECORDS[1:3], b"fou!"])
    assert digest(first, 1, 2) == digest(second, 1, 2)
    digests = {digest(first, skip, take) for skip in (0, 1) for take in (1, 2, 3)}
    assert len(digests) == 6


@pytest.mark.parametrize("lost", [1, 4, 5, 12, 25])
def test_a_file_that_is_cut_off_is_told(tmp_path, lost):
    path = write(tmp_path / "1")
    pathlib.Path(path).write_bytes(pathlib.Path(path).read_bytes()[:-lost])
    with pytest.raises(DataError, match="1 is cut off or damaged"):
        digest(path)
    with pytest.raises(DataError, match="Cannot read .*none"):
        digest(str(tmp_path / "none"))


def test_a_damaged_length_is_told(tmp_path):
    path = tmp_path / "1"
    content = bytearray(pathlib.Path(write(path)).read_bytes())
    content[7] = 255
    path.write_bytes(content)
    with pytest.raises(DataError, match="Cannot read|is cut off or damaged"):
        digest(str(path))
