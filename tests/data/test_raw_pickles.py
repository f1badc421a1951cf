"""CIFAR's Python versions are read, and their pickles can do nothing else."""

import builtins
import os
import pathlib
import pickle
import subprocess

import numpy as np
import pytest

from ebm_tf.data import raw_pickles
from ebm_tf.data.raw_cifar import read_cifar10, read_cifar100
from ebm_tf.data.raw_pickles import read_pickle
from ebm_tf.errors import DataError
from tests.data.raw_files import tar

IMAGES = np.random.default_rng(0).integers(0, 256, [6, 32, 32, 3], np.uint8)
PLANES = np.ascontiguousarray(IMAGES.transpose([0, 3, 1, 2]).reshape([6, -1]))
# As Python 2 wrote it: two bytes, with the names and the words of that NumPy.
OF_PYTHON_2 = (
    b"\x80\x02}q\x01(U\x04dataq\x02cnumpy.core.multiarray\n_reconstruct\nq\x03"
    b"cnumpy\nndarray\nq\x04K\x00\x85U\x01b\x87Rq\x05(K\x01K\x02\x85"
    b"cnumpy\ndtype\nq\x06U\x02u1K\x00K\x01\x87Rq\x07(K\x03U\x01|NNNJ\xff\xff\xff\xff"
    b"J\xff\xff\xff\xffK\x00tb\x89U\x02\x07\xffq\x08tbU\x06labelsq\x09]q\x0aK\x03au."
)


def batch(first: int, last: int, **labels: list) -> bytes:
    part = {b"batch_label": b"one", b"data": PLANES[first:last], b"filenames": [b"a"]}
    part |= {name.encode(): values for name, values in labels.items()}
    return pickle.dumps(part, 2)


def files_of_cifar10() -> dict[str, bytes]:
    return {
        "data_batch_1": batch(0, 3, labels=[0, 9, 4]),
        "data_batch_2": batch(3, 5, labels=[1, 1]),
        "test_batch": batch(5, 6, labels=[7]),
    }


def raw(tmp_path: pathlib.Path, files: dict[str, bytes], folder: str) -> pathlib.Path:
    (tmp_path / folder).mkdir(parents=True)
    for name, content in files.items():
        (tmp_path / folder / name).write_bytes(content)
    return tmp_path


@pytest.mark.parametrize("place", ["folder", "inner", "archive", "beside"])
def test_cifar10_of_python(tmp_path, place):
    inner, archive = "cifar-10-batches-py", tmp_path / "cifar-10-python.tar.gz"
    files = files_of_cifar10()
    where = archive if place == "archive" else tmp_path
    if place in ("archive", "beside"):
        content = tar({f"{inner}/{name}": c for name, c in files.items()}, "w:gz")
        archive.write_bytes(content)
    else:
        raw(tmp_path, files, inner)
        where = tmp_path / inner if place == "folder" else tmp_path
    splits = read_cifar10(where)
    np.testing.assert_array_equal(splits["train"][0], IMAGES[:5])
    np.testing.assert_array_equal(splits["train"][1], [0, 9, 4, 1, 1])
    np.testing.assert_array_equal(splits["test"][0], IMAGES[5:])
    np.testing.assert_array_equal(splits["test"][1], [7])


def test_cifar100_of_python(tmp_path):
    both = {"coarse_labels": [19, 0, 3], "fine_labels": [99, 0, 50]}
    splits = read_cifar100(
        raw(tmp_path, {"train": batch(0, 3, **both)}, "cifar-100-python")
    )
    images, coarse, fine = splits["train"]
    np.testing.assert_array_equal(images, IMAGES[:3])
    assert coarse.tolist() == [19, 0, 3] and fine.tolist() == [99, 0, 50]


def test_what_python_2_wrote():
    found = read_pickle(OF_PYTHON_2, "x")
    assert found["data"].tolist() == [7, 255] and found["labels"] == [3]


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL))
def test_all_protocols_of_today(protocol):
    content = pickle.dumps({"data": PLANES, "labels": [1], "name": "x"}, protocol)
    found = read_pickle(content, "x")
    np.testing.assert_array_equal(found["data"], PLANES)
    assert found["labels"] == [1] and found["name"] == "x"


class Evil:
    """A pickle that calls a function."""

    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


@pytest.mark.parametrize(
    "evil",
    [
        Evil(os.system, "touch here"),
        Evil(builtins.eval, "open('here', 'w')"),
        Evil(subprocess.Popen, "touch here"),
        Evil(np.load, "here"),
        Evil(getattr, [], "append"),
        np.array([{}], object),
        np.dtype("O"),
        np.float64(3),
    ],
)
@pytest.mark.parametrize("protocol", [0, 2, 4])
def test_nothing_that_a_pickle_names_is_called(tmp_path, monkeypatch, evil, protocol):
    monkeypatch.chdir(tmp_path)
    content = pickle.dumps({"data": [evil]}, protocol)
    try:
        found = read_pickle(content, "a")
    except DataError as error:
        assert "a is cut off, damaged or no pickle of CIFAR" in str(error)
    else:  # what stands for an array or a type, and no more
        (stand_in,) = found["data"]
        assert type(stand_in).__module__ == raw_pickles.__name__
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "array",
    [
        np.zeros([2, 3072], np.float32),
        np.asfortranarray(np.zeros([2, 3072], np.uint8)),
        np.array([None]),
    ],
)
def test_arrays_of_anything_but_bytes_are_told(array):
    with pytest.raises(DataError, match="damaged or no pickle of CIFAR"):
        read_pickle(pickle.dumps({"data": array}, 2), "a")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "damaged or no pickle"),
        (b"\x80\x02.", "damaged or no pickle"),
        (pickle.dumps([1]), "holds no values by name"),
        (pickle.dumps({}), "has no 'data' of 3072 bytes an image"),
        (pickle.dumps({"data": PLANES[:, :9].copy()}), "has no 'data' of 3072"),
        (batch(0, 2), "has no list 'labels' of whole numbers"),
        (batch(0, 2, labels=["0", "1"]), "has no list 'labels' of whole numbers"),
        (batch(0, 2, labels=[0.5, 1]), "has no list 'labels' of whole numbers"),
        (batch(0, 2, labels=[True, 1]), "has no list 'labels' of whole numbers"),
        (batch(0, 2, labels=[1]), "Expected 2 labels in .*data_batch_1, got 1"),
        (batch(0, 2, labels=[1, 10]), "labels 0..9 in .*, got 10"),
        (batch(0, 2, labels=[1, 2**70]), "labels that are no classes"),
        (batch(0, 2, labels=[1, 2])[:-40], "cut off, damaged or no pickle"),
    ],
)
def test_damaged_batches_are_told(tmp_path, content, message):
    raw(tmp_path, {"data_batch_1": content}, "cifar-10-batches-py")
    with pytest.raises(DataError, match=message) as caught:
        read_cifar10(tmp_path)
    assert "\n" not in str(caught.value)


def test_another_version_is_told_which_to_take(tmp_path):
    (tmp_path / "data_batch_1.mat").write_bytes(b"MATLAB 5.0")
    with pytest.raises(DataError, match="take the binary or the Python version"):
        read_cifar10(tmp_path)
