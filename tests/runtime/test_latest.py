"""The newest runs: which they are, and what goes on by `--resume latest`."""

import dataclasses
import json
import pathlib
from typing import Any

import pytest

from configs.digits_nonconv import config
from ebm_tf.config.kinds import to_json
from ebm_tf.errors import ConfigError, RunError
from ebm_tf.runtime import latest, resuming
from ebm_tf.runtime.command_line import parse
from ebm_tf.store.sources import find
from tests.runs import DIGITS

TIMES = [
    "2026-01-02_00-00-00",
    "2026-01-01_00-00-00_10",
    "2026-01-01_00-00-00_2",
    "2026-01-01_00-00-00",
]


def made(output: pathlib.Path, time: str, *, finished: bool = True, **changed):
    folder = output / str(changed.get("name", config.name)) / time
    folder.mkdir(parents=True)
    text = to_json(dataclasses.replace(config, **changed))
    (folder / "config.json").write_text(text)
    if finished:
        (folder / "results.json").write_text("{}")
    return str(folder)


def going_on(output: pathlib.Path, *words: object) -> str | None:
    words = ("train.py", "--output", output, "--resume", "latest", *words)
    return resuming.folder_of("train", parse(list(map(str, words))))


def test_runs_come_newest_first(tmp_path):
    folders = [made(tmp_path, time) for time in TIMES]
    made(tmp_path, "2027-01-01_00-00-00", name="other")
    (tmp_path / config.name / "2028-01-01_00-00-00").mkdir()  # no run
    (tmp_path / "reference").mkdir()
    assert list(latest.runs(str(tmp_path), config.name)) == folders
    assert len(list(latest.runs(str(tmp_path)))) == 5


def test_the_latest_source_is_the_newest_finished_run(tmp_path, monkeypatch):
    runs = tmp_path / "runs"
    older = made(runs, TIMES[2])
    made(runs, TIMES[0], finished=False)
    source = f"latest:{config.name}"
    assert latest.newest(source, str(runs)) == older
    assert latest.newest(f"{source}/weights/a.h5", str(runs)) == f"{older}/weights/a.h5"
    assert latest.newest("release:x", str(runs)) == "release:x"
    with pytest.raises(RunError, match="No run of other is finished in .*latest:other"):
        latest.newest("latest:other", str(runs))
    monkeypatch.chdir(tmp_path)
    assert find(source).folder == f"runs/{config.name}/{TIMES[2]}"


def test_any_setting_may_name_it_and_a_run_keeps_what_it_began_with(tmp_path):
    older = made(tmp_path, TIMES[2])
    energy = dataclasses.replace(config.energy, weights=f"latest:{config.name}")
    given = dataclasses.replace(config, energy=energy)
    begun = latest.resolved(given, str(tmp_path))
    assert begun.energy.weights == older
    newer = made(tmp_path, TIMES[0])
    assert latest.resolved(given, str(tmp_path)).energy.weights == newer
    assert latest.resolved(given, str(tmp_path), begun) == begun
    assert latest.resolved(config, str(tmp_path)) is config


def test_the_run_of_these_settings_goes_on(tmp_path):
    first, second = made(tmp_path, TIMES[3], seed=1), made(tmp_path, TIMES[0], seed=2)
    assert going_on(tmp_path) == second
    assert going_on(tmp_path, DIGITS, "--set", "seed=2") == second
    assert going_on(tmp_path, DIGITS, "--set", "seed=1") == first
    assert going_on(tmp_path, DIGITS, "--set", "seed=1", "--set", "batch=3") is None
    assert going_on(tmp_path, DIGITS, "--set", "seed=3") is None
    with pytest.raises(RunError, match="There is no run of train.py in .*none"):
        going_on(tmp_path / "none")


def test_a_sweep_is_found_by_what_it_varies(tmp_path):
    plain = made(tmp_path, TIMES[0], seed=0)
    folder = tmp_path / config.name / TIMES[2]
    for seed in (0, 1):
        part = pathlib.Path(made(tmp_path, f"{TIMES[2]}/seed={seed}", seed=seed))
        assert part.parent == folder
    about = {"settings": {"seed": ["0", "1"]}, "runs": ["seed=0", "seed=1"]}
    (folder / "sweep.json").write_text(json.dumps(about))
    assert going_on(tmp_path, DIGITS, "--sweep", "seed=0,1") == str(folder)
    assert going_on(tmp_path, DIGITS, "--sweep", "seed=0,1,2") is None
    assert going_on(tmp_path, DIGITS) == plain
    words = ["train.py", "--resume", str(folder)]
    with pytest.raises(ConfigError, match="Expected --sweep as .* was begun, or none"):
        resuming.given("train", parse([*words, "--sweep", "seed=0"]))
    options = parse([*words, "--set", "num_updates=7000"])
    given = resuming.given("train", options)
    assert given is not None and list(given.saved) == about["runs"]
    assert [(c.seed, updates(c)) for c in given.runs.values()] == [(0, 7000), (1, 7000)]


def updates(experiment: Any) -> int:
    return experiment.num_updates


def saved(folder: str, *, worker: int, step: int) -> None:
    path = pathlib.Path(folder, "checkpoints", f"worker_{worker}", f"{step:08d}.json")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("{}")


@pytest.mark.parametrize(("asked", "last"), [(3, 9), (10, 10), (8, 9)])
def test_a_run_ends_with_its_next_update_where_it_is_to_end_earlier(
    tmp_path, asked, last
):
    folder = made(tmp_path, TIMES[0], finished=False)
    for worker, step in ((0, 8), (0, 4), (1, 8), (1, 10)):
        saved(folder, worker=worker, step=step)
    words = ["train.py", "--resume", folder, "--set", f"num_updates={asked}"]
    given = resuming.given("train", parse(words))
    assert given is not None and updates(given.runs[""]) == last


def test_a_finished_run_is_not_shortened(tmp_path):
    folder = made(tmp_path, TIMES[0])
    words = ["train.py", "--resume", folder, "--set", "num_updates=3"]
    with pytest.raises(ConfigError, match="at least the 1450 of the run, which is fin"):
        resuming.given("train", parse(words))
