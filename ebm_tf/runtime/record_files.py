"""A hash of the content of record files, without reading most of it."""

import hashlib
import itertools
import struct
from collections.abc import Iterable, Iterator

import tensorflow as tf

from ebm_tf.errors import DataError
from ebm_tf.runtime.files import is_cloud, reason

# A TFRecord: the length of the data, 8 bytes, and its checksum, 4; the data; and the
# CRC-32C of the data, 4 bytes, by which TensorFlow finds damage.
_HEAD, _TAIL = 12, 4


def digest_of_records(files: Iterable[tuple[str, int, int]]) -> str:
    """The SHA-256 of the lengths and checksums of records.

    It takes the checksums that TFRecords have, 16 bytes a record: the files are looked
    at each time, and neither their names nor their times are trusted. A record that is
    replaced by one of equal length is missed once in 2^32. Equal examples that were
    written again may have another digest, as their fields have no order in a record.

    Args:
      files: (path, skip, take) of each, in order: which of its records are meant.

    Raises:
      DataError: if a file is missing or cut off.
    """
    digest = hashlib.sha256()
    for path, skip, take in files:
        try:
            found = list(itertools.islice(_checksums(path), skip, skip + take))
        except (OSError, OverflowError, tf.errors.OpError) as error:
            raise DataError(f"Cannot read {path}: {reason(error)}.") from None
        if len(found) < take:
            raise DataError(f"The file {path} is cut off or damaged.")
        digest.update(b"".join(found))
    return digest.hexdigest()


def _checksums(path: str) -> Iterator[bytes]:
    """The length and the checksum of each whole record, 12 bytes."""
    # What buffers would read everything.
    with (
        tf.io.gfile.GFile(path, "rb") if is_cloud(path) else open(path, "rb", 0)
    ) as file:
        head = file.read(_HEAD)
        while len(head) == _HEAD:
            (length,) = struct.unpack_from("<Q", head)
            file.seek(length, 1)
            following = file.read(_TAIL + _HEAD)
            if len(following) < _TAIL:
                return
            yield head[:8] + following[:_TAIL]
            head = following[_TAIL:]
