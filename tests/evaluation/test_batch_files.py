"""Work in batches ends alike, wherever it was stopped and whatever was lost."""

import os
import pathlib
import signal
from collections.abc import Callable

import numpy as np
import pytest

from ebm_tf.errors import EarlyStopError
from ebm_tf.evaluation.batch_files import BatchWork, outcomes
from ebm_tf.runtime import actions
from ebm_tf.runtime.distribution import Replicas
from ebm_tf.runtime.workspace import Workspace
from tests.runs import assert_same_arrays

NUM = 5


class Squares:
    """Work whose outcome is the square of the batch; it notes what it makes."""

    def __init__(self, folder: pathlib.Path, strategy, *, part: str = ""):
        self.folder = folder
        self.replicas = Replicas(strategy, jit=False)
        self.part = part
        self.made: list[int] = []
        self.after: Callable[[int], object] = lambda batch: None

    def make(self, batch: int) -> dict[str, np.ndarray]:
        self.made.append(batch)
        return {"square": np.full(2, batch**2)}

    def path(self, batch: int) -> str:
        return str(self.folder / "kept" / f"{batch}.npz")

    def done(self, save_every: int = 2) -> dict[str, np.ndarray]:
        work = BatchWork(
            make=self.make,
            num_batches=NUM,
            path=self.path,
            about=lambda batch: {"batch": batch},
            metrics=lambda found: {"square": float(found["square"][0])},
            part=self.part,
            unit="batches of squares",
        )
        workspace = Workspace(str(self.folder))
        happens = [
            lambda moment: self.after(moment.step - 1),
            actions.log_metrics(workspace, NUM, 1),
        ]
        parts = outcomes(work, self.replicas, workspace, happens, save_every=save_every)
        return {"square": np.concatenate([part["square"] for part in parts])}


EXPECTED = {"square": np.repeat(np.arange(NUM) ** 2, 2)}


@pytest.fixture
def work(tmp_path, one_replica) -> Squares:
    return Squares(tmp_path, one_replica)


def lines(folder: pathlib.Path) -> list[str]:
    return (folder / "metrics.jsonl").read_text().splitlines()


def test_every_batch_is_made_once(work):
    for _ in range(2):
        assert_same_arrays(work.done(), EXPECTED)
        assert work.made == list(range(NUM))
        assert len(lines(work.folder)) == NUM


def test_lost_and_damaged_files_are_recomputed(work):
    work.done()
    pathlib.Path(work.path(1)).unlink()
    pathlib.Path(work.path(3)).write_bytes(b"cut")
    os.replace(work.path(2), work.path(4))  # it is of another batch
    assert_same_arrays(work.done(), EXPECTED)
    assert sorted(work.made[NUM:]) == [1, 2, 3, 4]
    log = (work.folder / "log.txt").read_text()
    assert log.count("3.npz is missing or damaged") == 1 == log.count("Recomputing it.")
    assert_same_arrays(work.done(), EXPECTED)
    assert len(work.made) == NUM + 4


@pytest.mark.parametrize("batch", range(NUM))
def test_a_kill_loses_no_outcome(work, batch):
    """Between the file of a batch and the checkpoint after it."""

    def killed(at: int) -> None:
        if at == batch:
            raise MemoryError

    work.after = killed
    with pytest.raises(MemoryError):
        work.done()
    work.after = lambda batch: None
    assert_same_arrays(work.done(), EXPECTED)
    assert work.made == list(range(NUM))
    assert len(lines(work.folder)) == NUM


@pytest.mark.parametrize(("part", "last"), [("", NUM - 2), ("squares", NUM - 1)])
def test_a_signal_waits_for_its_batch(tmp_path, one_replica, part, last):
    """After the last batch of a part there is more to do: it stops there, too."""
    work = Squares(tmp_path, one_replica, part=part)
    for batch in (1, last):
        work.after = lambda at, batch=batch: (
            os.kill(os.getpid(), signal.SIGTERM) if at == batch else None
        )
        with pytest.raises(EarlyStopError) as stop:
            work.done(save_every=100)
        assert str(stop.value) == (
            f"Stopped by SIGTERM and saved after {batch + 1} of {NUM} batches of "
            "squares."
        )
        assert work.made == list(range(batch + 1))
        assert (tmp_path / "checkpoints" / part / "worker_0").is_dir()
    work.after = lambda batch: None
    assert_same_arrays(work.done(), EXPECTED)
    assert work.made == list(range(NUM))
