"""Replay buffers out of checkpoints that are whole, damaged or gone."""

import pathlib
import shutil

import numpy as np
import pytest

from ebm_tf.errors import RunError
from ebm_tf.store.replay_buffers import replay_buffer, why_none
from ebm_tf.store.sources import Source, find
from tests.runs import saved_arrays


@pytest.fixture
def run(joint_digits_run, tmp_path) -> Source:
    shutil.copytree(joint_digits_run[0], tmp_path / "run")
    return find(str(tmp_path / "run"))


def test_the_newest_chains_of_all_replicas(run):
    found = replay_buffer(run)
    assert why_none(run) is None and found.num_updates == 8
    arrays = saved_arrays(pathlib.Path(run.folder))
    for leaf, values in (("0", found.images), ("3", found.labels)):
        kept = [arrays[f"state/{index}/{leaf}"] for index in (0, 1)]
        np.testing.assert_array_equal(values, np.concatenate(kept))
    assert found.images.shape == (60, 8, 8, 1)
    assert set(found.labels) == set(range(10))


def test_a_damaged_checkpoint_is_passed_over(run):
    folder = f"{run.folder}/checkpoints/worker_0"
    for step, left in ((8, True), (4, True), (0, False)):
        with open(f"{folder}/{step:08d}.npz", "r+b") as file:
            file.truncate(100)
        if left:
            assert replay_buffer(run).num_updates < step
    with pytest.raises(RunError, match="00000008.npz is damaged"):
        replay_buffer(run)


def test_what_has_none(run):
    assert why_none(None) == "the weights are not of a run"
    shutil.rmtree(f"{run.folder}/checkpoints")
    assert why_none(run) == "the run has no checkpoints"
    assert why_none(find("release:digits_weat_adv")) == "the run kept no chains"
    assert why_none(find("release:digits_medconv")) == "the run has no checkpoints"
