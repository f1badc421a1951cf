"""Summaries of measurements, and classifiers in the order of what is left of them."""

import json

import pytest

from ebm_tf.config.attacks import AutoAttack, Ball, Pgd
from ebm_tf.config.classifier import ClassifierNetwork
from ebm_tf.config.parts import Data
from ebm_tf.config.robustness import RobustnessMeasurement
from ebm_tf.errors import ConfigError
from ebm_tf.evaluation.leaderboard import tables
from ebm_tf.evaluation.leaderboard.summaries import summary
from ebm_tf.runtime import run_folders
from ebm_tf.runtime.workspace import Workspace

CONFIG = RobustnessMeasurement(
    name="attacked",
    data=Data(name="digits", image_size=8, channels=1, split="train[1437:]"),
    classifier=ClassifierNetwork(),
    ball=Ball(norm="l2", epsilon=127.5),
    pgd=Pgd(),
    auto_attack=AutoAttack(),
    seed=3,
)
HALF = {"accuracy": 0.5, "accuracy_interval": [0.4, 0.6]}
RESULTS = {
    "num_images": 200,
    "natural_accuracy": 0.9,
    "natural_accuracy_interval": [0.85, 0.94],
    "robust_accuracy": 0.45,
    "robust_accuracy_interval": [0.38, 0.52],
    "pgd_accuracy": 0.6,
    "pgd_accuracy_interval": [0.53, 0.67],
    "by_attack": {name: HALF for name in ("pgd", "apgd_ce", "apgd_t", "square")},
    "warnings": ["One."],
}


def row(model: str, robust: float, **changes):
    found = summary(
        CONFIG, RESULTS | {"robust_accuracy": robust}, model, {"keras": "3"}
    )
    return found | {"run": f"runs/{model}"} | changes


def test_a_summary_says_what_made_its_figures():
    found = summary(CONFIG, RESULTS, "mine", {"keras": "3"})
    assert json.loads(json.dumps(found)) == found
    names = ("clean", "pgd", "auto_attack", "robust")
    assert [found[name] for name in names] == [0.9, 0.6, 0.5, 0.45]
    assert found["auto_attack_interval"] == [0.4, 0.6]  # after Square, its last attack
    assert "apgd_pm" not in found  # it was not run
    assert (found["norm"], found["radius"]) == ("l2", "127.5/255")
    assert (found["seed"], found["num_images"], found["warnings"]) == (3, 200, 1)
    assert found["attacks"]["auto_attack"]["num_queries"] == 5000
    assert found["versions"] == {"keras": "3"} and found["model"] == "mine"


def test_the_best_is_first_and_what_is_not_alike_is_told(tmp_path):
    rows = [row("worse", 0.4, warnings=0), row("better", 0.5, norm="linf", warnings=0)]
    run = Workspace(str(tmp_path))
    results = tables.ranked(rows, run)
    assert [one["model"] for one in results["classifiers"]] == ["better", "worse"]
    assert results["warnings"] == [
        "runs/worse was measured with other norm than runs/better."
    ]
    assert (tmp_path / "plots" / "leaderboard.png").read_bytes()[:4] == b"\x89PNG"
    lines = (tmp_path / "leaderboard.md").read_text().splitlines()
    titles = ["clean", "PGD", "AutoAttack", "all attacks", "ball", "images", "warnings"]
    assert lines[0] == f"|  | model | {' | '.join(titles)} |"
    assert lines[2].startswith(
        "| 1 | better | 90.0 (85.0 to 94.0) | 60.0 (53.0 to 67.0)"
    )
    assert lines[3].endswith("| l2 127.5/255 | 200 | 0 |")


def test_warnings_of_a_run_are_passed_on(tmp_path):
    found = tables.ranked([row("one", 0.4)], Workspace(str(tmp_path)))["warnings"]
    assert found == ["runs/one has 1 warning of its own."]


def test_what_is_no_finished_measurement_is_refused(tmp_path):
    run = run_folders.create(str(tmp_path), CONFIG, 1_700_000_000)
    with pytest.raises(ConfigError, match="not a finished run of attack.py"):
        tables.measured(run.folder)
    run.write_results({"robust_accuracy": 0.5})
    with pytest.raises(ConfigError, match="have no summary: an earlier version"):
        tables.measured(run.folder)
    run.write_results({"summary": {"model": "mine"}})
    assert tables.measured(run.folder) == {"model": "mine", "run": run.folder}
