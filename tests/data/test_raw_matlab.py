"""MATLAB files are read as SciPy reads them, which wrote them."""

import io
from typing import Any

import numpy as np
import pytest
import scipy.io
import scipy.sparse

from ebm_tf.data.raw_matlab import read_matlab
from tests.data.test_image_files import hurt

TYPES = ["u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8", "f4", "f8"]


def saved(content: dict[str, Any], *, packed: bool = False) -> bytes:
    file = io.BytesIO()
    scipy.io.savemat(file, content, do_compression=packed)
    return file.getvalue()


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("shape", [(1, 1), (1, 3), (5, 2), (4, 3, 2, 7), (3, 0)])
def test_numbers_of_all_types_come_back(shape, packed):
    random = np.random.default_rng(0)
    content = {f"x_{t}": (random.normal(size=shape) * 50).astype(t) for t in TYPES}
    found = read_matlab(saved(content, packed=packed), content)
    assert found.keys() == content.keys()
    for name, expected in content.items():
        np.testing.assert_array_equal(found[name], expected, strict=True)


def test_texts_and_structures_come_back():
    kinds = [("WNID", object), ("number", object), ("long_name_of_a_field", object)]
    rows = [("n01440764", np.uint16(3), np.arange(6.0)), ("ü", np.float64(2), "")]
    content = {"synsets": np.array(rows, kinds)[:, None], "text": "a text of many"}
    found = read_matlab(saved(content, packed=True), content)
    assert found["text"] == "a text of many"
    first, second = found["synsets"]
    assert first["WNID"] == "n01440764" and first["number"].item() == 3
    np.testing.assert_array_equal(first["long_name_of_a_field"], [np.arange(6.0)])
    assert second["WNID"] == "ü" and second["number"].item() == 2


def test_only_what_is_wanted_and_known_is_read():
    content = {"a": 1j, "b": np.eye(2), "c": scipy.sparse.csc_array(np.eye(3))}
    found = read_matlab(saved(content), ("b", "c", "d"))
    np.testing.assert_array_equal(found.pop("b"), np.eye(2))
    assert found == {"c": None}
    with pytest.raises(ValueError, match="a has complex numbers"):
        read_matlab(saved(content), ("a",))


def test_numbers_that_are_stored_shorter_and_the_other_end_first():
    # Doubles [1, 2] in two bytes, as MATLAB writes them on a big-endian machine.
    head = b"MATLAB 5.0".ljust(124) + b"\x01\x00MI"
    flags = b"\0\0\0\6\0\0\0\x08\0\0\0\6\0\0\0\0"
    shape = b"\0\0\0\5\0\0\0\x08\0\0\0\1\0\0\0\2"
    name, data = b"\0\1\0\1x\0\0\0", b"\0\2\0\2\7\x09\0\0"
    body = flags + shape + name + data
    content = head + b"\0\0\0\x0e" + len(body).to_bytes(4, "big") + body
    np.testing.assert_array_equal(
        read_matlab(content, "x")["x"], [[7.0, 9.0]], strict=True
    )


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "not of MATLAB 5 to 7"),
        (b"MATLAB 7.3 MAT-file".ljust(999), "save it with -v7"),
        (saved({"x": np.eye(9)})[:-9], "cut off"),
        (saved({"x": np.eye(9)}, packed=True)[:-9], "cut off"),
    ],
)
def test_damaged_files_are_told(content, message):
    with pytest.raises(ValueError, match=message):
        read_matlab(content, "x")


@pytest.mark.slow
@pytest.mark.parametrize("packed", [False, True])
def test_hurt_files_raise_what_can_be_caught(packed):
    kinds = [("WNID", object), ("number", object)]
    rows = np.array([("n01440764", 3), ("n1", 2)], kinds)[:, None]
    content = {"s": rows, "x": np.ones([3, 4], np.uint8), "t": "a text"}
    whole, random = saved(content, packed=packed), np.random.default_rng(packed)
    failed = 0
    for _ in range(20_000):
        try:
            read_matlab(hurt(whole, random), content)
        except Exception:
            failed += 1
    assert 1000 < failed < 20_000
