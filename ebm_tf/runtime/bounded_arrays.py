"""Arrays in files that others may have written, within bounds.

Whatever is wrong with it is a ValueError that says why in one line, never an overflow
of memory or of the stack.
"""

import contextlib
import math
import zipfile
from collections.abc import Collection, Iterator
from typing import BinaryIO

import numpy as np
import tensorflow as tf

# Bytes of an array that is compressed; one that is not is bounded by its file.
MOST_EXPANDED = 1 << 32

_HEADERS = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}


def array_names(file: BinaryIO) -> list[str]:
    """The names of the arrays in an npz file, of which none is read.

    Raises:
      ValueError: if it is none.
    """
    with _told_in_a_line(), zipfile.ZipFile(file) as archive:
        return list(_members(archive))


def read_arrays(
    file: BinaryIO, names: Collection[str] | None = None
) -> dict[str, np.ndarray]:
    """Arrays of an npz file; pickled ones are refused, as they could hold code.

    Args:
      file: open for reading at any place.
      names: which are read, where they are there; all if None. Nothing else is.

    Raises:
      ValueError: if it is no npz file, is damaged, or says that it holds more than it
        can.
    """
    with _told_in_a_line(), zipfile.ZipFile(file) as archive:
        file.seek(0, 2)
        size = file.tell()
        return {
            name: _array(archive, member, size)
            for name, member in _members(archive).items()
            if names is None or name in names
        }


def _members(archive: zipfile.ZipFile) -> dict[str, zipfile.ZipInfo]:
    return {m.filename.removesuffix(".npy"): m for m in archive.infolist()}


def _array(archive: zipfile.ZipFile, member: zipfile.ZipInfo, size: int) -> np.ndarray:
    """An array of an archive that takes so many bytes."""
    name, room = member.filename, member.file_size
    if member.compress_size > size or room > max(member.compress_size, MOST_EXPANDED):
        raise ValueError(f"{name} would expand to {room:,} bytes")
    with archive.open(member) as file:
        read_header = _HEADERS[np.lib.format.read_magic(file)]
        shape, _, dtype = read_header(file)
    if math.prod(shape) * dtype.itemsize > room:
        raise ValueError(f"{name} promises more than it holds, the shape {shape}")
    with archive.open(member) as file:
        return np.lib.format.read_array(file, allow_pickle=False)


@contextlib.contextmanager
def _told_in_a_line() -> Iterator[None]:
    try:
        yield
    # A damaged archive fails in too many ways to list.
    except Exception as error:
        # TensorFlow's errors are of a disk or a network, but for a wrong place.
        of_file = isinstance(error, tf.errors.OpError)
        if of_file and not isinstance(error, tf.errors.InvalidArgumentError):
            raise
        reason = " ".join(str(error).split()).rstrip(".") or type(error).__name__
        raise ValueError(reason) from error
