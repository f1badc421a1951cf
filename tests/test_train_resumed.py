"""Runs that are resumed, refused or cut short, on two devices of this process."""

import json
import pathlib
import resource
import shutil

import pytest

from tests.runs import (
    DIGITS,
    assert_same_arrays,
    assignments,
    figures,
    learn_here,
    run_here,
    saved_arrays,
    saved_steps,
    tiny,
)


@pytest.fixture(scope="module")
def longer(tmp_path_factory) -> pathlib.Path:
    """The folder of a longer run that never stopped."""
    return learn_here(tiny(num_updates=12), tmp_path_factory.mktemp("longer"))[0]


@pytest.fixture
def copy(digits_run, tmp_path) -> pathlib.Path:
    """The same run, to be changed."""
    return pathlib.Path(shutil.copytree(digits_run[0], tmp_path / "copy"))


@pytest.mark.slow
def test_the_same_config_gives_the_same_bits(digits_run, longer):
    assert_same_arrays(saved_arrays(digits_run[0], 9), saved_arrays(longer, 9))


@pytest.mark.slow
def test_a_finished_run_goes_on_only_where_it_is_made_longer(copy, longer):
    refused = run_here("--resume", copy)
    assert refused.code == 2
    assert refused.err == (
        f"error: The run {copy} is finished; its metrics are in results.json. To "
        "learn on: --set num_updates=MORE.\n"
    )
    before = json.loads((copy / "results.json").read_text())
    done = run_here("--resume", copy, "--set", "num_updates=12")
    assert (done.code, done.err, done.folder) == (0, "", copy)
    assert json.loads((copy / "results_00000009.json").read_text()) == before
    results = figures(copy)
    assert results.pop("name") == "digits_nonconv" and results == figures(longer)
    assert_same_arrays(saved_arrays(copy), saved_arrays(longer))
    metrics = [(folder / "metrics.jsonl").read_text() for folder in (copy, longer)]
    assert metrics[0] == metrics[1]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--set", "batch=10"], "but batch differ: begin a new run instead."),
        (["--set", "langevin.noise=0.1"], "but langevin.noise differ"),
        ([DIGITS], "differ: begin a new run instead."),
        (["none.py"], "No config file none.py."),
        (["--set", "device=gpu"], "TensorFlow sees no GPU"),
    ],
)
def test_a_run_keeps_its_settings(copy, arguments, message):
    before = {path: path.stat().st_mtime_ns for path in copy.rglob("*")}
    done = run_here("--resume", copy, *arguments)
    assert done.code == 2
    (line,) = done.err.splitlines()
    assert line.startswith("error: ") and message in line
    assert {path: path.stat().st_mtime_ns for path in copy.rglob("*")} == before


def test_damage_of_all_checkpoints_is_told_and_nothing_is_deleted(copy):
    (copy / "results.json").unlink()
    for path in copy.glob("checkpoints/*/*.npz"):
        path.write_bytes(path.read_bytes()[:-1])
    before = list(copy.rglob("*"))
    done = run_here("--resume", copy)
    assert done.code == 2
    assert done.err == (
        f"error: No whole checkpoint is left in {copy}/checkpoints/worker_0.\n"
    )
    assert done.out.count("is damaged") == 3
    assert set(before) <= set(copy.rglob("*"))


def test_learning_that_diverges_stops_resumably(tmp_path):
    changes = [*assignments(), "--set", "guard.max_energy_difference=1e-9"]
    done = run_here(DIGITS, *changes, "--output", tmp_path)
    assert (done.code, done.err) == (3, "")
    told = [line for line in done.out.splitlines() if "diverged" in line]
    assert len(told) == 4
    assert "learning rates times 0.125." in told[2] and "3 times already" in told[3]
    hint = done.out.splitlines()[-2]
    assert hint.startswith("To go on: ")
    assert hint.endswith(f"python ebm_tf/train.py --resume {done.folder}")
    assert saved_steps(done.folder) == [0]


@pytest.fixture
def limit_files():
    """Lets no file grow beyond so many bytes, as on a full disk; None ends it."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)

    def limit(size: int | None) -> None:
        soft = before[0] if size is None else size
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, before[1]))

    yield limit
    limit(None)


def least_checkpoint(folder: pathlib.Path) -> int:
    return min(path.stat().st_size for path in folder.glob("checkpoints/*/*.npz"))


@pytest.mark.slow
def test_a_full_disk_is_told_and_costs_nothing(copy, longer, limit_files):
    resume = ["--resume", copy, "--set", "num_updates=12"]
    arrays = saved_arrays(copy)
    # Full for checkpoints alone, then for everything.
    for size, advice in (
        (least_checkpoint(copy) - 1, "make room, then"),
        (2000, "goes on with"),
    ):
        limit_files(size)
        try:
            done = run_here(*resume)
        finally:
            limit_files(None)
        assert done.code == 2
        (line,) = done.err.splitlines()
        assert line.startswith("error: ") and f"{advice} --resume." in line
        assert saved_steps(copy) == [3, 6, 9]
        assert_same_arrays(saved_arrays(copy), arrays)
        assert not list(copy.glob("checkpoints/*/*.partial"))
    assert run_here(*resume).code == 0
    assert_same_arrays(saved_arrays(copy), saved_arrays(longer))
