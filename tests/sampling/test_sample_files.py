"""Samples on disk: what was kept comes back, and damage is found."""

import pathlib

import numpy as np
import pytest

from ebm_tf import pixels
from ebm_tf.errors import RunError
from ebm_tf.runtime.workspace import Workspace
from ebm_tf.sampling.segments import load_samples, save_samples, saved_steps


def draw(seed: int, count: int = 5) -> np.ndarray:
    """Images some of whose pixels are out of range."""
    images = np.random.default_rng(seed).normal(size=[count, 4, 4, 3])
    return images.astype(np.float32)


@pytest.fixture
def run(tmp_path) -> Workspace:
    """Three rounds of two workers, after 2 and after 10 steps."""
    for worker in (1, 0):
        workspace = Workspace(str(tmp_path / "run"), worker)
        for num_steps in (10, 2):
            for index in (2, 0, 1):
                images = draw(100 * num_steps + 10 * index + worker)
                save_samples(workspace, num_steps, index, images)
    return Workspace(str(tmp_path / "run"))


def test_rounds_come_back_in_their_order_with_those_of_all_workers(run):
    assert saved_steps(run.folder) == [2, 10]
    for num_steps in (2, 10):
        rounds = list(load_samples(run.folder, num_steps))
        seeds = [10 * index + worker for index in range(3) for worker in range(2)]
        for (images, broken), seed in zip(rounds, seeds, strict=True):
            expected = pixels.to_bytes(draw(100 * num_steps + seed))
            np.testing.assert_array_equal(images, expected, strict=True)
            assert broken == 0


def test_images_that_are_not_finite_are_counted_and_left_out(tmp_path):
    images = draw(0)
    images[1, 0, 0, 0], images[3, 3, 3, 2] = np.nan, -np.inf
    workspace = Workspace(str(tmp_path))
    save_samples(workspace, 1, 0, images)
    save_samples(workspace, 1, 1, np.full([2, 4, 4, 3], np.nan, np.float32))
    (some, two), (none, all_of_them) = load_samples(str(tmp_path), 1)
    np.testing.assert_array_equal(some, pixels.to_bytes(images[[0, 2, 4]]))
    assert (two, none.shape, all_of_them) == (2, (0, 4, 4, 3), 2)


def test_the_same_samples_are_the_same_file(run, tmp_path):
    path = pathlib.Path(run.folder) / "samples" / "00000002" / "00001_0.npz"
    before = path.read_bytes()
    save_samples(run, 2, 1, draw(210))
    assert path.read_bytes() == before
    save_samples(run, 2, 1, draw(211))
    assert path.read_bytes() != before
    assert not list(tmp_path.rglob("*.partial"))


def test_what_a_kill_left_is_no_sample(run):
    folder = pathlib.Path(run.folder) / "samples" / "00000002"
    (folder / "00003_0.npz.partial").write_bytes(b"half")
    assert len(list(load_samples(run.folder, 2))) == 6


def test_files_reach_a_bucket_and_come_back():
    workspace = Workspace("ram://bucket/fid/run")
    save_samples(workspace, 7, 0, draw(7))
    assert saved_steps(workspace.folder) == [7]
    ((images, _),) = load_samples(workspace.folder, 7)
    np.testing.assert_array_equal(images, pixels.to_bytes(draw(7)))


def test_a_run_without_samples(tmp_path, run):
    assert saved_steps(str(tmp_path / "none")) == []
    for folder, num_steps in ((str(tmp_path), 2), (run.folder, 3)):
        with pytest.raises(RunError, match=f"no samples after {num_steps} Langevin"):
            next(load_samples(folder, num_steps))


@pytest.mark.parametrize("part", [0, 0.01, 0.5, 0.9, 0.99])
def test_truncated_files_are_told(run, part):
    path = pathlib.Path(run.folder) / "samples" / "00000002" / "00001_1.npz"
    content = path.read_bytes()
    path.write_bytes(content[: int(part * len(content))])
    with pytest.raises(
        RunError, match=f"The file {path} is missing or damaged"
    ) as error:
        list(load_samples(run.folder, 2))
    assert "\n" not in str(error.value)


def test_holes_are_told_or_change_nothing(run):
    path = pathlib.Path(run.folder) / "samples" / "00000002" / "00001_1.npz"
    content = path.read_bytes()
    whole = list(load_samples(run.folder, 2))[3][0]
    found = 0
    for start in range(0, len(content), 40):
        hole = bytes(byte ^ 0xFF for byte in content[start : start + 40])
        path.write_bytes(content[:start] + hole + content[start + 40 :])
        try:
            images = list(load_samples(run.folder, 2))[3][0]
        except RunError:
            found += 1
        else:
            np.testing.assert_array_equal(images, whole)
    assert found > 5
