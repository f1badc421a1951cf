"""Classifiers beside each other, by what they know."""

import csv
import dataclasses
import re

import pytest

from ebm_tf.config.core import load
from ebm_tf.errors import ConfigError
from ebm_tf.evaluation.knowledge_comparison import compared, measured
from ebm_tf.runtime import run_folders
from ebm_tf.runtime.workspace import Workspace
from tests.runs import ROOT

ANALYSIS = load(str(ROOT / "configs" / "digits_analysis.py"))
METHODS = {
    name: load(str(ROOT / "configs" / f"digits_{name}.py"))
    for name in ("jem", "jem_baseline")
}


def level(noise: float, accuracy: float) -> dict:
    errors = {"before": 0.08, "after": 0.04}
    scores = {"log_density": 1.0, "max_probability": 0.9, "approximate_mass": 0.8}
    return {
        "noise": noise,
        "accuracy": accuracy,
        "calibration": {
            name: {"expected_calibration_error": error}
            for name, error in errors.items()
        },
        "out_of_distribution": {
            "inverted": {name: {"auroc": value} for name, value in scores.items()}
        },
    }


def analysed(
    tmp_path, method: str, seed: int, accuracy: float, learned_with=(), **changes
) -> str:
    """A finished run, whose accuracy is lower by 0.1 on noisy images."""
    learning = dataclasses.replace(METHODS[method], seed=seed, **dict(learned_with))
    learned = run_folders.create(str(tmp_path / "learned"), learning, seed)
    run = run_folders.create(str(tmp_path / "analysed"), ANALYSIS, seed)
    results = {
        "by_noise": [level(0.0, accuracy), level(0.03, accuracy - 0.1)],
        "weights": f"{learned.folder}/weights/classifier_selected.weights.h5",
        "data": "digits",
        "split": "train[1437:]",
        "num_images": 360,
        "num_bins": 20,
        "attacks": None,
    }
    run.write_results(results | changes)
    return run.folder


def test_methods_have_intervals_over_seeds(tmp_path):
    runs = [
        analysed(tmp_path, "jem", 0, 0.91),
        analysed(tmp_path, "jem", 1, 0.93),
        analysed(tmp_path, "jem_baseline", 2, 0.9),
    ]
    found = compared(runs, 0.0, Workspace(str(tmp_path)))
    assert [run["accuracy"] for run in found["runs"]] == [0.91, 0.93, 0.9]
    assert not found["warnings"]
    text = (tmp_path / "log.txt").read_text()
    assert re.search(r"method +digits_jem +digits_jem_baseline\n", text)
    assert re.search(r"runs +2 +1\n", text)
    # Student's t of one degree of freedom, 12.71, times the error 0.01.
    assert re.search(r"accuracy +0\.92 \+- 0\.13 +0\.9\n", text)
    assert re.search(r"AUROC/inverted/max_probability +0\.9 \+- 0 +0\.9\n", text)
    with open(tmp_path / "knowledge.csv") as file:
        rows = list(csv.DictReader(file))
    assert [row["seed"] for row in rows] == ["0", "1", "2"]
    assert rows[2]["expected_calibration_error_scaled"] == "0.04"


def test_the_noise_is_chosen(tmp_path):
    run = analysed(tmp_path, "jem", 0, 0.91)
    assert measured(run, 0.03)[1]["accuracy"] == pytest.approx(0.81)
    with pytest.raises(ConfigError, match=r"noise=0\.1 to be one of \(0\.0, 0\.03\)"):
        measured(run, 0.1)


def test_energies_under_attack_are_compared_where_they_were_measured(tmp_path):
    differences = {"delta_marginal": (-2.5, 0.5), "delta_joint": (1.5, 0.7)}
    means = {k: {"mean": m, "stddev": d} for k, (m, d) in differences.items()}
    attacks = {
        "num_images": 360,
        "settings": {"num_steps": 20},
        "worst_case": {"accuracy": 0.3},
        "by_attack": {"pgd": {"accuracy": 0.4, "all": means}},
    }
    run = analysed(tmp_path, "jem", 0, 0.91, attacks=attacks)
    other = analysed(tmp_path, "jem_baseline", 1, 0.9)
    results = compared([run, other], 0.0, Workspace(str(tmp_path)))
    found, without = results["runs"]
    assert results["warnings"] == [
        f"{other} was measured with other attack_settings than {run}."
    ]
    assert found["accuracy/worst case"] == 0.3 and found["accuracy/pgd"] == 0.4
    assert found["E(x) - E(x*)/pgd"] == -2.5 and found["E(x, y) - E(x*, y)/pgd"] == 1.5
    assert found["E(x) - E(x*)/pgd/stddev"] == 0.5
    assert "accuracy/pgd" not in without
    text = (tmp_path / "log.txt").read_text()
    assert re.search(r"E\(x\) - E\(x\*\)/pgd +-2\.5 +-\n", text)


def test_other_images_are_told(tmp_path):
    runs = [
        analysed(tmp_path, "jem", 0, 0.91),
        analysed(tmp_path, "jem", 1, 0.91, num_images=30),
    ]
    (warning,) = compared(runs, 0.0, Workspace(str(tmp_path)))["warnings"]
    assert warning == f"{runs[1]} was measured with other num_images than {runs[0]}."


def test_runs_of_one_name_that_learned_otherwise_are_told(tmp_path):
    runs = [
        analysed(tmp_path, "jem", 0, 0.91),
        analysed(tmp_path, "jem", 1, 0.91, learned_with={"batch": 5}),
        analysed(tmp_path, "jem_baseline", 0, 0.9),
    ]
    (warning,) = compared(runs, 0.0, Workspace(str(tmp_path)))["warnings"]
    assert warning.startswith("Runs of digits_jem learned with other batch than")


@pytest.mark.parametrize("name", ["digits_analysis", "digits_energy_comparison"])
def test_what_is_no_finished_analysis_is_refused(name, tmp_path):
    config = load(str(ROOT / "configs" / f"{name}.py"))
    run = run_folders.create(str(tmp_path), config, 1_700_000_000)
    if name != "digits_analysis":
        run.write_results({})
    with pytest.raises(ConfigError, match="not a finished run of analyze.py"):
        measured(run.folder, 0.0)
