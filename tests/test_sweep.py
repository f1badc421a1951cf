"""Runs that differ in a few settings, by one command."""

import csv
import json
import pathlib

import pytest

from tests import runs
from tests.runs import run_here

SHORT = {"num_updates": 4, "save_every": 2, "log_every": 2, "energy.width": 4}
TWO = ("--sweep", "seed=0,1", "--sweep", "chains.num_steps=2,3")


@pytest.fixture(scope="module")
def swept(tmp_path_factory) -> pathlib.Path:
    output = tmp_path_factory.mktemp("sweep")
    given = runs.assignments(**SHORT)
    done = run_here(runs.DIGITS, "--output", output, *given, *TWO)
    assert (done.code, done.err) == (0, ""), done
    assert "runs  frechet_pixels" in done.out
    return output / done.folder


def test_a_dry_run_says_which_runs_there_will_be(tmp_path):
    done = run_here(runs.DIGITS, "--output", tmp_path, *TWO, "--dry_run")
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith(
        "ebm_tf train: digits_nonconv\n"
        "4 runs of seed=0,1 with chains.num_steps=2,3, in turn:\n"
        "  seed=0_chains.num_steps=2\n"
        "  seed=0_chains.num_steps=3\n"
        "  seed=1_chains.num_steps=2\n"
        "  seed=1_chains.num_steps=3\n"
        "The first of them:\n"
    )
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_every_run_is_the_one_that_it_would_be_alone(swept, tmp_path):
    names = sorted(path.name for path in swept.glob("seed=*"))
    assert names == [f"seed={s}_chains.num_steps={n}" for s in (0, 1) for n in (2, 3)]
    settings = runs.assignments(**SHORT | {"seed": 1, "chains.num_steps": 3})
    alone = run_here(runs.DIGITS, "--output", tmp_path, *settings)
    one = swept / "seed=1_chains.num_steps=3"
    runs.assert_same_arrays(runs.saved_arrays(one), runs.saved_arrays(alone.folder))
    assert runs.figures(one) == runs.figures(alone.folder)


@pytest.mark.slow
def test_the_table_has_the_figures_of_all(swept):
    rows = list(csv.DictReader((swept / "sweep.csv").open()))
    values = [(row["seed"], row["chains.num_steps"]) for row in rows]
    parts = [f"seed={seed}_chains.num_steps={steps}" for seed, steps in values]
    for part, row in zip(parts, rows, strict=True):
        expected = runs.figures(swept / part)["frechet_pixels"]
        assert float(row["frechet_pixels"]) == expected
    assert (swept / "plots" / "sweep.png").stat().st_size > 1000
    results = json.loads((swept / "results.json").read_text())
    assert [row["run"] for row in results["runs"]] == parts
    assert results["diverged"] == {}


@pytest.mark.slow
def test_what_is_finished_is_skipped_and_a_run_of_it_is_a_source(swept, tmp_path):
    again = run_here("--resume", swept)
    assert again.code == 2 and "is finished" in again.err
    (swept / "results.json").unlink()
    part = swept / "seed=1_chains.num_steps=2"
    finished = {
        p: (p / "results.json").stat().st_mtime_ns for p in swept.glob("seed=*")
    }
    (part / "results.json").unlink()
    given = runs.assignments(**SHORT)
    words = ("--output", swept.parents[1], "--resume", "latest")
    done = run_here(runs.DIGITS, *given, *TWO, *words)
    assert (done.code, done.err) == (0, ""), done
    made_again = [
        path
        for path, before in finished.items()
        if (path / "results.json").stat().st_mtime_ns != before
    ]
    assert made_again == [part]
    assert run_here("--resume", part, "--dry_run").code == 0


@pytest.mark.slow
def test_a_run_that_diverges_is_told_and_left_out(tmp_path):
    given = runs.assignments(**SHORT | {"guard.max_rollbacks": 0})
    words = ("--sweep", "guard.max_energy_difference=1e-12,1000.0")
    done = run_here(runs.DIGITS, "--output", tmp_path, *given, *words)
    assert (done.code, done.err) == (0, ""), done
    results = json.loads((done.folder / "results.json").read_text())
    assert list(results["diverged"]) == ["guard.max_energy_difference=1e-12"]
    values = [row.get("frechet_pixels") for row in results["runs"]]
    assert values[0] is None and values[1] > 0


@pytest.mark.slow
def test_a_run_that_is_ended_early_has_its_final_figures(tmp_path):
    settings = {"num_updates": 4000, "save_every": 2}
    process = runs.start(
        runs.DIGITS, "--output", tmp_path, *runs.assignments(**SHORT | settings)
    )
    runs.wait_until(process, lambda: runs.run_folder(tmp_path) is not None)
    folder = runs.run_folder(tmp_path)
    assert folder is not None
    runs.wait_until(process, lambda: 2 in runs.saved_steps(folder))
    process.terminate()
    assert runs.finish(process).code == 3
    last = runs.saved_steps(folder)[-1]
    done = runs.run_program("--resume", folder, "--set", "num_updates=1")
    assert (done.code, done.err) == (0, ""), done
    figures = json.loads((folder / "results.json").read_text())
    assert figures["num_updates"] == last + 1 and figures["frechet_pixels"] > 0
