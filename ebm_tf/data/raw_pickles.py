"""Pickles of the Python versions of CIFAR, read without running what they name.

A pickle is a program that may call anything. Here it can make numbers, text, bytes,
lists, dictionaries, and arrays of bytes, which take its words for NumPy's but are ours.
"""

import io
import math
import pickle
from typing import Any

import numpy as np

from ebm_tf.data.raw_folders import raises_damaged
from ebm_tf.errors import DataError


class _Type:
    """What stands for a NumPy type: its name."""

    def __init__(self, name: Any, *_: Any):
        self.name = name.decode() if isinstance(name, bytes) else name

    def __setstate__(self, state: Any) -> None:
        """Byte order and alignment, which bytes do not have."""


class _Array:
    """What stands for a NumPy array."""

    def __init__(self, *_: Any):
        self.state: tuple = ()

    def __setstate__(self, state: tuple) -> None:
        self.state = state

    def bytes(self) -> np.ndarray:
        """The array, uint8; ValueError where it is none of bytes in C's order."""
        _, shape, kind, is_fortran, content = self.state
        if is_fortran or not isinstance(kind, _Type) or kind.name != "u1":
            raise ValueError("an array is not of bytes in C's order")
        if isinstance(content, str):  # a pickle of Python 2 that declares text
            content = content.encode("latin-1")
        if math.prod(shape) != len(content):
            raise ValueError(f"an array {shape} has {len(content)} bytes")
        return np.frombuffer(content, np.uint8).reshape(shape)


def _encoded(text: str, encoding: str) -> bytes:
    """How Python 3 writes bytes where Python 2 shall read them."""
    if encoding not in ("latin1", "latin-1"):
        raise ValueError(f"bytes are written as {encoding}")
    return text.encode("latin-1")


_ALLOWED = {
    ("numpy", "dtype"): _Type,
    ("numpy", "ndarray"): _Array,
    ("_codecs", "encode"): _encoded,
    ("numpy.core.multiarray", "_reconstruct"): _Array,
    ("numpy._core.multiarray", "_reconstruct"): _Array,
}


class _Reader(pickle.Unpickler):
    """Refuses whatever is not in the table above."""

    def find_class(self, module: str, name: str) -> Any:
        """What a pickle may call."""
        if (module, name) not in _ALLOWED:
            raise DataError(f"it names {module}.{name}, which no data set needs")
        return _ALLOWED[module, name]


def read_pickle(content: bytes, origin: str) -> dict[str, Any]:
    """A dictionary of names, with arrays uint8, lists and plain values.

    Args:
      content: of the file.
      origin: what messages call it.

    Raises:
      DataError: if it is damaged, or holds or calls anything else.
    """
    with raises_damaged(f"{origin} is cut off, damaged or no pickle of CIFAR"):
        try:
            found = _Reader(io.BytesIO(content), encoding="bytes").load()
        except DataError as error:
            raise ValueError(error) from None
        if not isinstance(found, dict):
            raise ValueError("it holds no values by name")
        return {
            name.decode() if isinstance(name, bytes) else str(name): (
                value.bytes() if isinstance(value, _Array) else value
            )
            for name, value in found.items()
        }
