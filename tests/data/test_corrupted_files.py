"""Folders in the form of CIFAR-10-C: what is read of them, and what is refused."""

import pathlib

import numpy as np
import pytest

from ebm_tf.config.corruption import CorruptedFolder
from ebm_tf.config.parts import Data
from ebm_tf.data.corrupted_files import open_folder
from ebm_tf.errors import DataError

DATA = Data(name="digits", image_size=8, channels=1)
NUM = 6


@pytest.fixture
def folder(tmp_path: pathlib.Path) -> pathlib.Path:
    """Two corruptions of six images, of values that say severity and place."""
    values = np.arange(5)[:, None] * 10 + np.arange(NUM)
    for name, more in (("fog", 0), ("snow", 100)):
        pixels = np.broadcast_to(
            (values + more).reshape(-1, 1, 1, 1), (5 * NUM, 8, 8, 1)
        )
        np.save(tmp_path / f"{name}.npy", pixels.astype(np.uint8))
    np.save(tmp_path / "labels.npy", np.tile(np.arange(NUM), 5))
    return tmp_path


def test_severities_come_one_after_another(folder):
    files = open_folder(CorruptedFolder(folder=str(folder)), DATA)
    assert files.names == ("fog", "snow") and files.num_images == NUM
    with files.opened("snow") as images:
        assert images.shape == (5, NUM, 8, 8, 1)
        base = images
        while isinstance(base, np.ndarray) and not isinstance(base, np.memmap):
            base = base.base
        assert isinstance(base, np.memmap)  # nothing else is in memory
        for severity in (1, 3, 5):
            assert images[severity - 1, 4, 0, 0, 0] == 100 + 10 * (severity - 1) + 4
    np.testing.assert_array_equal(files.labels_at(3, 2), [0, 1])
    one = open_folder(CorruptedFolder(folder=str(folder), names=("snow",)), DATA)
    assert one.names == ("snow",)


def spoil(folder: pathlib.Path, how: str) -> None:
    labels = folder / "labels.npy"
    if how == "no labels":
        labels.unlink()
    elif how == "labels of another number":
        np.save(labels, np.arange(5 * NUM - 5))
    elif how == "labels of four severities":
        np.save(labels, np.arange(4 * NUM + 2))
    elif how == "labels that are no list":
        np.save(labels, np.zeros([5, NUM], int))
    elif how == "floats":
        np.save(folder / "fog.npy", np.zeros([5 * NUM, 8, 8, 1]))
    elif how == "another size":
        np.save(folder / "fog.npy", np.zeros([5 * NUM, 9, 9, 1], np.uint8))
    elif how == "cut off":
        path = folder / "fog.npy"
        path.write_bytes(path.read_bytes()[:200])
    elif how == "empty":
        for path in folder.iterdir():
            path.unlink()


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ("no labels", "No labels in .*: expected labels.npy"),
        ("labels of another number", r"got uint8 \[30, 8, 8, 1\]"),
        ("labels of four severities", r"labels of 5 severities .* got int64 \[26\]"),
        ("labels that are no list", r"got int64 \[5, 6\]"),
        ("floats", r"fog.npy to hold uint8 \[30, 8, 8, 1\].* got float64"),
        ("another size", r"got uint8 \[30, 9, 9, 1\]"),
        ("cut off", "fog.npy is damaged"),
        ("empty", "No corrupted images in"),
    ],
)
def test_what_is_wrong_is_told_in_a_line(folder, how, message):
    spoil(folder, how)
    with pytest.raises(DataError, match=message) as error:
        open_folder(CorruptedFolder(folder=str(folder)), DATA)
    assert "\n" not in str(error.value)


def test_what_is_not_there_is_told(folder):
    with pytest.raises(DataError, match="No corrupted images in /none"):
        open_folder(CorruptedFolder(folder="/none"), DATA)
    settings = CorruptedFolder(folder=str(folder), names=("rain",))
    with pytest.raises(
        DataError, match="No corruption 'rain' in .*: there are fog, sn"
    ):
        open_folder(settings, DATA)
