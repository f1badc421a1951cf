"""Processes that are killed while they sample end as if they had never been."""

import json
import pathlib
import random
import signal
import time

import pytest

from tests import runs

NUM_PIECES = 3 * 60
SMALL = {
    "num_samples": 50,
    "batch": 20,
    "num_steps": "(60,120)",
    "record_every": 2,
    "save_every": 7,
    "energy.width": 4,
    "data.split": "train[:100]",
}


@pytest.fixture(scope="module")
def learned(tmp_path_factory) -> pathlib.Path:
    """A run with something to sample."""
    return runs.learn(tmp_path_factory.mktemp("learned"), num_updates=3)


def start(learned: pathlib.Path, output: pathlib.Path):
    """Starts a measurement."""
    given = {**SMALL, "weights": learned}
    words = [word for n, v in given.items() for word in ("--set", f"{n}={v}")]
    return runs.start(runs.DIGITS_FID, "--output", output, *words, program=[runs.FID])


@pytest.fixture(scope="module")
def whole(learned, tmp_path_factory) -> pathlib.Path:
    """A measurement that was never stopped."""
    done = runs.finish(start(learned, tmp_path_factory.mktemp("whole")))
    assert (done.code, done.err) == (0, ""), done
    return done.folder


def contents(folder: pathlib.Path) -> dict[str, bytes]:
    """Everything that depends on the chains alone."""
    names = ("samples/*/*", "images/*", "plots/*", "metrics.jsonl", "results.json")
    paths = [path for name in names for path in folder.glob(name)]
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths}


@pytest.mark.slow
def test_kill_9_and_sigterm_in_the_middle_of_sampling(learned, whole, tmp_path):
    seed = time.time_ns()
    print("random moments of seed", seed)
    luck = random.Random(seed)
    assert runs.saved_steps(whole)[-1] == NUM_PIECES
    assert json.loads((whole / "results.json").read_text())["num_samples"] == 50
    process = start(learned, tmp_path)
    runs.wait_until(process, lambda: runs.run_folder(tmp_path) is not None)
    folder = runs.run_folder(tmp_path)
    assert folder is not None
    for number in (signal.SIGKILL, signal.SIGTERM, signal.SIGKILL):
        # In the middle of a round: checkpoints fall on no multiple of 60 segments.
        goal = max(runs.saved_steps(folder), default=0) + luck.choice([7, 14, 28])
        runs.wait_until(
            process, lambda goal=goal: max(runs.saved_steps(folder), default=0) >= goal
        )
        process.send_signal(number)
        done = runs.finish(process)
        if number == signal.SIGTERM:
            assert (done.code, done.err) == (3, ""), done
            step = runs.saved_steps(folder)[-1]
            message, hint, last = done.out.splitlines()[-3:]
            assert message == (
                f"Stopped by SIGTERM and saved after {step} of 180 segments."
            )
            assert hint.endswith(f"ebm_tf/fid.py --resume {folder}")
            assert last == str(folder)
        else:
            assert done.code == -signal.SIGKILL
        assert not (folder / "results.json").exists()
        process = runs.start("--resume", folder, program=[runs.FID])
    done = runs.finish(process)
    assert (done.code, done.err, done.folder) == (0, "", folder)
    assert contents(folder) == contents(whole)
    runs.assert_same_arrays(runs.saved_arrays(folder), runs.saved_arrays(whole))
