"""Files of moments come back as they were, or an error names the reason."""

import os
import re
import zipfile

import numpy as np
import pytest
import tensorflow as tf

from ebm_tf.errors import DataError, RunError
from ebm_tf.evaluation.frechet import (
    frechet_distance,
    from_covariance,
    load_moments,
    merge,
    moments,
    save_moments,
)

FEATURES = np.random.default_rng(0).normal(size=(50, 5)) @ np.diag([1, 2, 3, 4, 5.0])


def same(first, second):
    return (
        first.count == second.count
        and np.array_equal(first.mean, second.mean)
        and np.array_equal(first.covariance, second.covariance)
    )


@pytest.mark.parametrize("place", ["{}/new/folder/moments.npz", "ram://moments/m.npz"])
def test_moments_come_back_bit_for_bit(tmp_path, place):
    path = place.format(tmp_path)
    saved = moments(FEATURES)
    save_moments(path, saved)
    assert same(load_moments(path), saved)
    save_moments(path, moments(2 * FEATURES))  # another takes its place
    assert same(load_moments(path), moments(2 * FEATURES))
    names = tf.io.gfile.listdir(os.path.dirname(path))
    assert names == [os.path.basename(path)]


def test_moments_that_came_back_can_be_merged(tmp_path):
    path = str(tmp_path / "half.npz")
    save_moments(path, moments(FEATURES[:20]))
    merged, whole = merge(load_moments(path), moments(FEATURES[20:])), moments(FEATURES)
    assert merged.count == 50
    np.testing.assert_allclose(merged.covariance, whole.covariance, rtol=1e-9)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_published_file_has_no_count(tmp_path, dtype):
    path = str(tmp_path / "published.npz")
    mean, covariance = FEATURES.mean(0).astype(dtype), np.cov(FEATURES.T).astype(dtype)
    np.savez_compressed(path, mu=mean, sigma=covariance)
    loaded = load_moments(path)
    assert loaded.count is None
    assert np.array_equal(loaded.covariance, covariance)
    assert loaded.mean.dtype == loaded.covariance.dtype == np.float64
    distance = frechet_distance(loaded, moments(FEATURES))
    assert distance == pytest.approx(0.0, abs=1e-6)
    save_moments(path, loaded)
    assert same(load_moments(path), loaded)


def test_another_program_reads_the_file(tmp_path):
    path = str(tmp_path / "moments.npz")
    save_moments(path, from_covariance(np.zeros(2), np.eye(2), 7))
    with np.load(path) as stored:
        assert sorted(stored.files) == ["count", "mu", "sigma"]
        assert stored["sigma"].tolist() == np.eye(2).tolist()
        assert int(stored["count"]) == 7


def message_of(path):
    """What is said about a file that cannot be used, on one line."""
    with pytest.raises(DataError) as error:
        load_moments(str(path))
    message = str(error.value)
    assert str(path) in message and "\n" not in message and "mu and sigma" in message
    return message


@pytest.mark.parametrize("name", ["none.npz", "", "no/folder/none.npz"])
def test_a_missing_file(tmp_path, name):
    message_of(tmp_path / name)


def test_damaged_files(tmp_path):
    path = tmp_path / "moments.npz"
    save_moments(str(path), moments(FEATURES))
    whole = path.read_bytes()
    middle = len(whole) // 2
    flipped = whole[:middle] + bytes([whole[middle] ^ 255]) + whole[middle + 1 :]
    for content in (b"", b"mu", whole[:-1], whole[:middle], flipped):
        path.write_bytes(content)
        assert "damaged" in message_of(path)
    np.save(tmp_path / "mean.npy", np.zeros(3))
    assert "damaged" in message_of(tmp_path / "mean.npy")


@pytest.mark.parametrize(
    ("arrays", "said"),
    [
        ({"mean": np.zeros(2)}, "no mu and no sigma, only mean"),
        ({}, "no .npz file"),
        ({"mu": np.zeros(2)}, "no sigma"),
        (
            {"mu": np.zeros(3), "sigma": np.eye(2)},
            r"\(3,\) and sigma of shape \(2, 2\)",
        ),
        ({"mu": np.zeros([1, 2]), "sigma": np.eye(2)}, "expected .d. and"),
        ({"mu": np.zeros(0), "sigma": np.zeros([0, 0])}, "expected .d. and"),
        ({"mu": np.zeros(2), "sigma": np.ones(2)}, "expected .d. and"),
        ({"mu": np.zeros(2), "sigma": np.array([[1, 0.5], [0, 1]])}, "not symmetric"),
        ({"mu": np.zeros(2), "sigma": np.diag([1, np.nan])}, "not finite"),
        ({"mu": np.zeros(2), "sigma": np.diag([1, -0.01])}, "eigenvalues below 0"),
        ({"mu": np.zeros(2), "sigma": np.array([[1, 2], [2, 1]])}, "no covariance"),
        ({"mu": np.zeros(2), "sigma": -np.eye(2)}, "no covariance"),
        ({"mu": np.zeros(2), "sigma": np.diag([1, -1])}, "no covariance"),
        ({"mu": np.array(["a", "b"]), "sigma": np.eye(2)}, "real numbers"),
        ({"mu": np.zeros(2), "sigma": np.eye(2), "count": -1}, "count=-1"),
        ({"mu": np.zeros(2), "sigma": np.eye(2), "count": 2.5}, "count=2.5"),
        ({"mu": np.zeros(2), "sigma": np.eye(2), "count": np.ones(2)}, "count="),
        ({"mu": np.array([None, 1]), "sigma": np.eye(2)}, "damaged"),
    ],
)
def test_files_of_something_else(tmp_path, arrays, said):
    path = tmp_path / "moments.npz"
    np.savez(path, **arrays)
    message = message_of(path)
    assert re.search(said, message), message


def test_rounding_makes_no_covariance_another_thing(tmp_path):
    """One of few vectors is singular, one that was summed in float32 a little less."""
    path, few = str(tmp_path / "moments.npz"), moments(FEATURES[:3])
    for covariance in (few.covariance, np.zeros([5, 5]), few.covariance - 1e-6):
        save_moments(path, few._replace(covariance=covariance))
        np.testing.assert_array_equal(load_moments(path).covariance, covariance)


def test_what_else_a_file_holds_is_not_read(tmp_path):
    """Neither code nor images; an entry that is damaged does not matter either."""
    path = tmp_path / "moments.npz"
    whole = moments(FEATURES)
    images, note = np.full(100, 7, np.uint8), np.array([{"by": "others"}])
    np.savez(path, mu=whole.mean, images=images, sigma=whole.covariance, note=note)
    content = path.read_bytes().replace(b"\7" * 100, b"\7" * 99 + b"\0")
    path.write_bytes(content)
    assert same(load_moments(str(path)), whole._replace(count=None))
    with np.load(path) as stored, pytest.raises(zipfile.BadZipFile):
        assert stored["images"].any()  # its checksum is wrong


def test_a_place_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError, match="Cannot write"):
        save_moments(str(tmp_path / "file" / "moments.npz"), moments(FEATURES))
