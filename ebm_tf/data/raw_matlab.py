"""Variables of MATLAB files of version 5 to 7, read with every length checked.

SciPy's reader, of which damaged files can end the whole program, knows more kinds. The
format is that of MathWorks' "MAT-File Format".
"""

import math
import zlib
from collections.abc import Container, Iterator
from typing import Any

import numpy as np

from ebm_tf.data.raw_folders import MOST_BYTES

_HEADER = 128  # bytes; the last two say which end of a number comes first
_ENDS = {b"IM": "<", b"MI": ">"}
_NEWER = b"MATLAB 7.3"

# Kinds of elements: numbers, text, and those that hold others.
_NUMBERS = {
    **{1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4"},
    **{7: "f4", 9: "f8", 12: "i8", 13: "u8"},
}
_TEXT = {1: "latin-1", 2: "latin-1", 4: "utf-16", 16: "utf-8", 17: "utf-16"}
_MATRIX, _COMPRESSED = 14, 15
# Classes of matrices.
_STRUCTURE, _CHARACTERS = 2, 4
_CLASSES = {
    **{6: "f8", 7: "f4", 8: "i1", 9: "u1", 10: "i2", 11: "u2"},
    **{12: "i4", 13: "u4", 14: "i8", 15: "u8"},
}
_COMPLEX = 0x0800


def read_matlab(content: bytes, names: Container[str]) -> dict[str, Any]:
    """The variables of these names.

    Args:
      content: of the file.
      names: which variables are wanted.

    Returns:
      name -> an array, a text, a list of a structure's dictionaries, or None for what
      is not known here, such as a sparse matrix.

    Raises:
      ValueError: if it is of another version, cut off or not consistent; KeyError,
        TypeError, RecursionError and zlib.error for other damage.
    """
    if content.startswith(_NEWER):
        raise ValueError("it is of MATLAB 7.3; save it with -v7")
    if len(content) < _HEADER or content[_HEADER - 2 : _HEADER] not in _ENDS:
        raise ValueError("it is not of MATLAB 5 to 7")
    order = _ENDS[content[_HEADER - 2 : _HEADER]]
    try:
        variables = list(_variables(memoryview(content)[_HEADER:], order, names))
    except RuntimeError as error:  # a StopIteration within the generator
        raise ValueError("a variable is cut off") from error
    return {name: value for name, value in variables if name in names}


def _variables(
    data: memoryview, order: str, names: Container[str]
) -> Iterator[tuple[str, Any]]:
    for kind, content in _elements(data, order):
        if kind == _COMPRESSED:
            kind, content = next(_elements(memoryview(_inflated(content)), order))
        if kind == _MATRIX:
            yield _matrix(content, order, names)


def _inflated(data: memoryview) -> bytes:
    stream = zlib.decompressobj()
    content = stream.decompress(data, MOST_BYTES)
    if not stream.eof:
        raise ValueError("a variable is cut off")
    return content


def _elements(data: memoryview, order: str) -> Iterator[tuple[int, memoryview]]:
    """(kind, data) of one element after the other."""
    place = 0
    while place < len(data):
        kind, size = _integers(data[place : place + 8], order, 2)
        start, end = place + 8, len(data)
        following = start + size
        if kind >> 16:  # a small one, whose data are in the place of its size
            kind, size = kind & 0xFFFF, kind >> 16
            start, end = place + 4, place + 8
            following = end
        elif kind != _COMPRESSED:
            following += -size % 8
        if start + size > end:
            raise ValueError("an element is cut off")
        yield kind, data[start : start + size]
        place = following


def _integers(data: memoryview, order: str, count: int) -> list[int]:
    return np.frombuffer(data, f"{order}u4", count).tolist()


def _matrix(
    data: memoryview, order: str, wanted: Container[str] | None = None
) -> tuple[str, Any]:
    """A matrix's name and value; the value only if it is wanted; all are if None."""
    elements = _elements(data, order)
    flags = next(elements, (0, memoryview(b"")))[1]
    if not flags:
        return "", None  # an empty field of a structure
    bits, _ = _integers(flags, order, 2)
    kind = bits & 0xFF
    shape = np.frombuffer(next(elements)[1], f"{order}i4").tolist()
    if min(shape, default=-1) < 0:
        raise ValueError(f"a matrix has the shape {shape}")
    name = bytes(next(elements)[1]).decode("latin-1")
    if wanted is not None and name not in wanted:
        return name, None
    if bits & _COMPLEX:
        raise ValueError(f"{name} has complex numbers")
    if kind == _STRUCTURE:
        return name, _structures(elements, order, math.prod(shape))
    if kind == _CHARACTERS:
        stored, text = next(elements)
        little = {"<": "-le", ">": "-be"}[order]
        encoding = _TEXT[stored] + (little if _TEXT[stored] == "utf-16" else "")
        return name, bytes(text).decode(encoding)
    if kind not in _CLASSES:
        return name, None
    stored, numbers = next(elements)
    values = np.frombuffer(numbers, order + _NUMBERS[stored])
    values = values.astype(_CLASSES[kind], copy=False)
    return name, values.reshape(shape, order="F")


def _structures(
    elements: Iterator[tuple[int, memoryview]], order: str, count: int
) -> list[dict[str, Any]]:
    (length,) = _integers(next(elements)[1], order, 1)
    names = bytes(next(elements)[1])
    if not 0 < length <= len(names):
        raise ValueError("a structure has no fields")
    fields = [
        names[i : i + length].split(b"\0")[0].decode("latin-1")
        for i in range(0, len(names), length)
    ]
    return [
        {field: _matrix(next(elements)[1], order)[1] for field in fields}
        for _ in range(count)
    ]
