"""Hostile and damaged content is told in a line, whatever it is, and costs nothing."""

import io
import json
import struct
import zipfile

import numpy as np
import pytest
import tensorflow as tf

from ebm_tf.runtime import bounded_arrays, bounded_json

ARRAYS = {"a": np.arange(6.0).reshape(2, 3), "b": np.array("text"), "c": np.array(3)}


def npz(compressed: bool = False, **arrays) -> bytes:
    stream = io.BytesIO()
    (np.savez_compressed if compressed else np.savez)(stream, **arrays)
    return stream.getvalue()


def header(text: str, version: tuple[int, int] = (1, 0)) -> bytes:
    """What an npy file begins with, for any description."""
    words = text.encode("latin1") + b"\n"
    return b"\x93NUMPY" + bytes(version) + struct.pack("<H", len(words)) + words


def zipped(content: bytes, method: int = zipfile.ZIP_STORED) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", method) as archive:
        archive.writestr("a.npy", content)
    return stream.getvalue()


def refused(content: bytes) -> str:
    with pytest.raises(ValueError) as told:
        bounded_arrays.read_arrays(io.BytesIO(content))
    reason = str(told.value)
    assert reason and "\n" not in reason
    return reason


@pytest.mark.parametrize("compressed", [False, True])
def test_arrays_come_back_all_or_those_that_are_named(compressed):
    file = io.BytesIO(npz(compressed, **ARRAYS))
    for names in (None, ["a"], ["a", "other"], []):
        found = bounded_arrays.read_arrays(file, names)
        wanted = ARRAYS if names is None else {n: ARRAYS[n] for n in names if n == "a"}
        assert list(found) == list(wanted)
        for name, value in wanted.items():
            np.testing.assert_array_equal(found[name], value)
            assert found[name].dtype == value.dtype
    assert bounded_arrays.array_names(file) == list(ARRAYS)


def test_what_is_not_named_may_be_code_or_damaged():
    content = npz(a=ARRAYS["a"], note=np.array([{"a": 1}], object))
    assert list(bounded_arrays.read_arrays(io.BytesIO(content), ["a"])) == ["a"]
    assert "allow_pickle" in refused(content)


@pytest.mark.parametrize(
    "description",
    [
        "{'descr': '<f8', 'fortran_order': False, 'shape': (100000000000, 1000), }",
        "{'descr': '<f8', 'fortran_order': False, 'shape': (-1,), }",
        "{'descr': '<f8', 'shape': ()}",
        "(" * 5000,
        "-" * 9000 + "1",
        "[" * 150 + "]" * 150,
        "{'descr': 'O', 'fortran_order': False, 'shape': (1,), }",
        "{'descr': 'M9', 'fortran_order': False, 'shape': (1,), }",
        "__import__('os')",
        "",
    ],
    ids=range(10),
)
@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_a_header_that_lies_is_told_and_takes_no_memory(description, method):
    refused(zipped(header(description) + b"12345678", method))
    refused(zipped(header(description, (2, 7)), method))


def test_an_array_that_would_expand_without_end_is_refused(monkeypatch):
    zeros = npz(True, a=np.zeros(10**6))
    assert bounded_arrays.read_arrays(io.BytesIO(zeros))["a"].shape == (10**6,)
    monkeypatch.setattr(bounded_arrays, "MOST_EXPANDED", 10**6)
    assert "a.npy would expand to 8,000,128 bytes" in refused(zeros)
    # What is not compressed is as large as it is.
    stored = npz(a=np.zeros(10**6))
    assert bounded_arrays.read_arrays(io.BytesIO(stored))["a"].shape == (10**6,)


def test_a_directory_that_promises_more_than_the_file_has_is_refused():
    content = zipped(
        header("{'descr': '|u1', 'fortran_order': False, 'shape': (9,), }")
    )
    place = content.rindex(b"PK\x01\x02") + 20  # the two sizes in the directory
    lie = struct.pack("<II", 3 * 10**9, 3 * 10**9)
    assert "would expand" in refused(content[:place] + lie + content[place + 8 :])


@pytest.mark.parametrize("compressed", [False, True])
def test_no_damage_ends_otherwise(compressed):
    """Whatever byte is wrong or missing: the right arrays, or a line."""
    content, draw = npz(compressed, **ARRAYS), np.random.default_rng(0)
    for _ in range(400):
        bad = bytearray(content[: draw.integers(len(content) + 1)])
        if draw.random() < 0.7:
            bad = bytearray(content)
        for place in draw.integers(len(bad), size=draw.integers(1, 4)) if bad else ():
            bad[place] = draw.integers(256)
        try:
            bounded_arrays.read_arrays(io.BytesIO(bytes(bad)))
        except ValueError as error:
            assert str(error) and "\n" not in str(error)


def test_a_missing_file_is_no_damage(tmp_path):
    with tf.io.gfile.GFile(str(tmp_path / "none.npz"), "rb") as file:
        with pytest.raises(tf.errors.NotFoundError):
            bounded_arrays.read_arrays(file)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[" * 100_000, "nested more than 64 levels"),
        ("[" * 900 + "]" * 900, "nested more than 64 levels"),
        ('{"a":' * 100_000, "nested more than 64 levels"),
        ('{"a": [' * 40 + "]}" * 40, "nested more than 64 levels"),
        ("1" * 5000, "digits"),
        ("", "Expecting value"),
        (b"\xff\xfe\x00", "utf"),
        ('"\\', "Invalid|Unterminated"),
    ],
    ids=range(8),
)
def test_json_that_is_none_or_too_deep_is_told(text, said):
    with pytest.raises(ValueError, match=said):
        bounded_json.json_of(text)


def test_json_comes_back(monkeypatch):
    value = {"a": [1, {"b": [None, True, "é"]}], "c": 1.5}
    text = json.dumps(value)
    assert bounded_json.json_of(text) == bounded_json.json_of(text.encode()) == value
    assert bounded_json.json_of("[" * 64 + "]" * 64)
    monkeypatch.setattr(bounded_json, "MOST_BYTES", len(text) - 1)
    with pytest.raises(ValueError, match="longer than"):
        bounded_json.json_of(text)
