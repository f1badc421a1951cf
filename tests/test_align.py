"""Alignments by the command line: learning with L_alpha, measuring, what is told."""

import csv
import json
import pathlib

import numpy as np
import pytest

from tests import runs
from tests.runs import ROOT, run_here

DIMENSIONS = 30
POINTS = {"data.channels": DIMENSIONS, "classifier.width": 16}
LEARNING = POINTS | {
    "num_updates": 30,
    "batch": 20,
    "data.split": "train[:200]",
    "num_validation": 20,
    "num_test": 20,
    "evaluation_batch": 20,
    "log_every": 10,
    "validate_every": 30,
    "optimizer.learning_rate": 0.01,
}
SEARCHES = (
    "(PgdSearch(radii=(0.05, 0.2, 0.8), norm='l2', num_steps=4, num_bisections=1),)"
)


def run(name: str, executable: str, settings: dict, *words: object) -> runs.Done:
    given = [w for k, v in settings.items() for w in ("--set", f"{k}={v}")]
    config = ROOT / "configs" / f"{name}.py"
    return run_here(config, *words, *given, executable=executable)


@pytest.fixture(scope="module")
def learned(tmp_path_factory) -> pathlib.Path:
    folder = tmp_path_factory.mktemp("runs")
    done = run("sphere_lalpha", "train_clf", LEARNING, "--output", folder)
    assert done.code == 0, done.err
    return done.folder


@pytest.fixture(scope="module")
def config(tmp_path_factory) -> pathlib.Path:
    """A measurement with few radii."""
    path = tmp_path_factory.mktemp("configs") / "few.py"
    path.write_text(
        "import dataclasses\n"
        "from configs.sphere_align import config as published\n"
        "from ebm_tf.config.alignment import PgdSearch\n"
        "from ebm_tf.config.attacks import CarliniWagner\n"
        "config = dataclasses.replace(\n"
        f"    published, searches={SEARCHES}, num_images=24, num_draws=20, batch=12,\n"
        "    linearity=CarliniWagner(\n"
        "        num_steps=20, learning_rate=0.02, num_constants=2,\n"
        "        initial_constant=10.0, num_targets=0,\n"
        "    ),\n"
        ")\n"
    )
    return path


def align(config: pathlib.Path, *words: object) -> runs.Done:
    given = [w for k, v in POINTS.items() for w in ("--set", f"{k}={v}")]
    return run_here(config, *words, *given, executable="align")


@pytest.mark.slow
def test_a_classifier_learns_with_a_reward_and_is_measured(learned, config, tmp_path):
    lines = (learned / "metrics.jsonl").read_text().splitlines()
    values = [json.loads(line)["alignment"] for line in lines]
    assert values[-1] > values[0]
    words = "--set", f"weights={learned}", "--output"
    done, again = (align(config, *words, tmp_path / n) for n in ("one", "two"))
    assert done.code == again.code == 0, done.err
    results = json.loads((done.folder / "results.json").read_text())
    same = json.loads((again.folder / "results.json").read_text())
    assert results == same
    with np.load(done.folder / "alignment.npz") as stored:
        arrays = dict(stored)
    of_all = results["alignments"]["all"]
    assert of_all["alpha_dx"]["mean"] == pytest.approx(arrays["alpha_dx"].mean())
    # The direction is along the radius, so that both measures are one.
    assert of_all["alpha_x"]["mean"] == pytest.approx(np.abs(arrays["alpha_dx"]).mean())
    assert results["norms"]["0"]["sum"]["mean"] == pytest.approx(1.3, abs=1e-5)
    assert results["norms"]["1"]["sum"]["mean"] == pytest.approx(1.0, abs=1e-5)
    smallest = arrays["searches/pgd_l2/smallest_radius"]
    right = arrays["prediction"] == arrays["labels"]
    assert results["accuracy"] == right.mean() and not smallest[~right].any()
    # No error is nearer than the linear distance of the best classifier.
    assert results["searches"]["pgd_l2"]["median_radius"] > 0
    with open(done.folder / "alignment.csv") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 24
    found = [float(row["alpha_dx"]) for row in rows]
    np.testing.assert_allclose(found, arrays["alpha_dx"], rtol=1e-5)
    for name in ("images/data", "images/directions", "images/attacked_pgd_l2"):
        assert (done.folder / f"{name}.png").is_file()
    for name in ("alignments", "pgd_l2", "scores", "linearity"):
        assert (done.folder / "plots" / f"{name}.png").is_file()


@pytest.mark.slow
def test_a_dry_run_tells_what_is_measured(learned, config, tmp_path):
    words = "--set", f"weights={learned}", "--output", tmp_path, "--dry_run"
    done = align(config, *words)
    assert done.code == 0, done.err
    assert "directions: directions: those of the data" in done.out
    assert "pgd_l2: radii 0.05, 0.2, 0.8" in done.out
    assert "data: 24 images of spheres" in done.out


def test_weights_are_asked_for(tmp_path):
    done = run("sphere_align", "align", {"weights": None}, "--output", tmp_path)
    assert done.code == 2 and "sphere_align needs weights: --set weights=" in done.err


def test_data_that_know_no_directions_are_told(tmp_path):
    config = tmp_path / "digits.py"
    config.write_text(
        "import dataclasses\n"
        "from configs.digits_clean import config as clean\n"
        "from ebm_tf.config.directions import AlignmentReward\n"
        "config = dataclasses.replace(clean, alignment=AlignmentReward())\n"
    )
    done = run_here(config, "--output", tmp_path, executable="train_clf")
    assert done.code == 2 and "dataset digits does not know its own" in done.err


@pytest.mark.parametrize(
    ("name", "setting", "message"),
    [
        ("sphere_lalpha", {"alignment.weight": 0}, "weight=0.0 > 0"),
        ("sphere_align", {"data.channels": 0}, "channels=0 > 0"),
        ("sphere_lalpha", {"data.split": "half"}, "spheres has no split 'half'"),
        ("squares32_align", {"num_images": 1}, "num_images=1 >= 2"),
    ],
)
def test_mistakes_are_told_in_a_line(name, setting, message, tmp_path):
    executable = "align" if name.endswith("align") else "train_clf"
    done = run(name, executable, setting, "--output", tmp_path)
    assert done.code == 2 and message in done.err
    assert "Traceback" not in done.err
