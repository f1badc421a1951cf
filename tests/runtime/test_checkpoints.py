"""Checkpoints are whole or not there."""

import json
import pathlib
import resource
import threading

import numpy as np
import pytest

from ebm_tf.errors import RunError
from ebm_tf.runtime.checkpoints import Checkpoints

ARRAYS = {
    "bank": np.random.default_rng(0).normal(size=[3, 8, 8, 1]).astype(np.float32),
    "ages": np.arange(3, dtype=np.int32),
    "step": np.array(7, np.int64),
    "names": np.array(["energy_difference", "age"], np.str_),
    "empty": np.zeros([0, 4], np.float32),
    "energy/0": np.array([np.nan, -np.inf, -0.0], np.float32),
}


@pytest.fixture
def checkpoints(tmp_path) -> Checkpoints:
    return Checkpoints(str(tmp_path / "worker_0"))


def save(checkpoints: Checkpoints, *steps: int) -> None:
    for step in steps:
        checkpoints.save(step, {**ARRAYS, "step": np.array(step)}.items())


def path(checkpoints: Checkpoints, name: str) -> pathlib.Path:
    return pathlib.Path(checkpoints.folder) / name


def names(checkpoints: Checkpoints) -> list[str]:
    return sorted(p.name for p in pathlib.Path(checkpoints.folder).iterdir())


def test_what_is_saved_is_loaded_bit_for_bit(checkpoints):
    checkpoints.save(7, ARRAYS.items())
    loaded = checkpoints.load(7)
    assert list(loaded) == list(ARRAYS)
    for name, value in ARRAYS.items():
        assert loaded[name].dtype == value.dtype and loaded[name].shape == value.shape
        assert loaded[name].tobytes() == value.tobytes()


def test_python_numbers_and_tensors_are_saved_too(checkpoints, one_replica):
    del one_replica
    import tensorflow as tf

    checkpoints.save(0, {"rollbacks": 2, "image": tf.ones([2])}.items())
    loaded = checkpoints.load(0)
    assert loaded["rollbacks"] == 2
    np.testing.assert_array_equal(loaded["image"], [1.0, 1.0])


def test_no_folder_no_steps(checkpoints):
    assert checkpoints.steps() == []


def test_the_newest_few_are_kept_in_rising_order(checkpoints):
    save(checkpoints, 0, 5, 10, 15, 100_000_000)
    assert checkpoints.steps() == [10, 15, 100_000_000]
    assert names(checkpoints) == [
        f"{step}.{kind}"
        for step in ("00000010", "00000015", "100000000")
        for kind in ("json", "npz")
    ]


def test_a_step_can_be_saved_again(checkpoints):
    save(checkpoints, 5)
    checkpoints.save(5, {"new": np.ones([2])}.items())
    assert list(checkpoints.load(5)) == ["new"]
    assert checkpoints.steps() == [5]


def test_arrays_without_a_manifest_are_no_checkpoint(checkpoints):
    save(checkpoints, 5, 6)
    path(checkpoints, "00000006.json").unlink()
    path(checkpoints, "00000007.npz.partial").write_bytes(b"cut")
    assert checkpoints.steps() == [5]
    save(checkpoints, 6, 7)  # in the place of what a kill left
    assert checkpoints.steps() == [5, 6, 7]
    assert checkpoints.load(7)["step"] == 7
    assert len(names(checkpoints)) == 6


def test_what_kills_left_goes_with_the_next_checkpoint(checkpoints):
    save(checkpoints, 5, 6)
    path(checkpoints, "00000005.json").unlink()
    for name in ("7.npz.partial", "7.npz.0a.partial", "6.json.0b.partial"):
        path(checkpoints, f"0000000{name}").write_bytes(b"cut")
    path(checkpoints, "mine").write_text("")
    save(checkpoints, 8)
    assert names(checkpoints) == [
        *(f"0000000{step}.{kind}" for step in (6, 8) for kind in ("json", "npz")),
        "mine",
    ]


def flip(content: bytes, position: int) -> bytes:
    return content[:position] + bytes([content[position] ^ 1]) + content[position + 1 :]


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: flip(content, len(content) // 2),
        lambda content: flip(content, 0),
        lambda content: flip(content, -1 % len(content)),
        lambda content: content[:-1],
        lambda content: content + b"\0",
        lambda content: b"",
    ],
)
def test_damaged_arrays_are_told(checkpoints, damage):
    save(checkpoints, 5, 6)
    file = path(checkpoints, "00000006.npz")
    file.write_bytes(damage(file.read_bytes()))
    with pytest.raises(RunError, match=f"The checkpoint {file} is damaged: ") as error:
        checkpoints.load(6)
    assert "\n" not in str(error.value)
    assert checkpoints.load(5)["step"] == 5


@pytest.mark.parametrize(
    "content", [b"", b"{", b"{}", b'{"size": 1}', b"\0\0\0", b"\xff", b"[]", b"null"]
)
def test_a_damaged_manifest_is_told(checkpoints, content):
    save(checkpoints, 5)
    path(checkpoints, "00000005.json").write_bytes(content)
    with pytest.raises(RunError, match="is damaged"):
        checkpoints.load(5)


def test_deleted_arrays_are_told(checkpoints):
    save(checkpoints, 5)
    path(checkpoints, "00000005.npz").unlink()
    assert checkpoints.steps() == [5]
    with pytest.raises(RunError, match="00000005.npz is damaged: .*[Nn]o such file"):
        checkpoints.load(5)


def test_the_manifest_is_the_last_file_that_is_written(checkpoints):
    """What is on disk while arrays are drawn is the state before."""
    save(checkpoints, 5)
    seen = []

    def arrays():
        for name, value in ARRAYS.items():
            seen.append(checkpoints.steps())
            yield name, value

    checkpoints.save(6, arrays())
    assert seen == [[5]] * len(ARRAYS)
    manifest = json.loads(path(checkpoints, "00000006.json").read_text())
    assert manifest["size"] == path(checkpoints, "00000006.npz").stat().st_size


@pytest.fixture
def small_files():
    """No file can grow beyond 100 kB, as on a full disk."""
    assert threading.current_thread() is threading.main_thread()
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_full_disk_leaves_the_checkpoints_before(checkpoints, small_files):
    save(checkpoints, 4, 5, 6)
    before = names(checkpoints)
    with pytest.raises(RunError) as error:
        checkpoints.save(7, {**ARRAYS, "large": np.zeros([50_000])}.items())
    message = str(error.value)
    assert message.startswith("Cannot write ") and "00000007.npz" in message
    assert message.endswith("Earlier checkpoints are whole: make room, then --resume.")
    assert "\n" not in message
    assert names(checkpoints) == before
    assert [checkpoints.load(step)["step"] for step in (4, 5, 6)] == [4, 5, 6]
    save(checkpoints, 7)
    assert checkpoints.steps() == [5, 6, 7]
