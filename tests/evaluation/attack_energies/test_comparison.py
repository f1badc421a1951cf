"""Classifiers beside each other: their order, accuracies, and what is not alike."""

import json

import numpy as np
import pytest

from ebm_tf.config.attack_energies import AttackEnergies
from ebm_tf.config.core import to_mapping
from ebm_tf.errors import ConfigError, RunError
from ebm_tf.evaluation.attack_energies import comparison
from ebm_tf.evaluation.attack_energies.comparison import Analysed
from ebm_tf.evaluation.attack_energies.figures import ARRAYS
from ebm_tf.runtime.files import save_arrays
from ebm_tf.runtime.workspace import Workspace

SETTINGS = json.loads(json.dumps(to_mapping(AttackEnergies())))


def analysed(folder, name: str, robust: float | None, **changes) -> Analysed:
    """Results as an analysis leaves them, of ten images."""
    path = folder / name
    path.mkdir()
    draw = np.random.default_rng(len(name))
    kinds = [
        f"{of}/{kind}" for of in ("natural", "pgd") for kind in ("marginal", "joint")
    ]
    save_arrays(str(path / ARRAYS), **{kind: draw.normal(size=10) for kind in kinds})
    row = {"title": "PGD", "budget": {"num_steps": 20}, "all": {"num_images": 10}}
    worst = {"attacks": ["pgd"], "accuracy": robust, "accuracy_interval": [0.0, 1.0]}
    attacks = {
        "classifier": name,
        "num_images": 10,
        "natural_accuracy": 0.9,
        "natural_accuracy_interval": [0.6, 1.0],
        "worst_case": None if robust is None else worst,
        "by_attack": {"pgd": row},
        "settings": SETTINGS,
    }
    results = {"weights": f"{name}.weights.h5", "data": "digits", "split": "test"}
    return Analysed(str(path), results | {"attacks": attacks | changes})


def compared(tmp_path, *classifiers: Analysed):
    (tmp_path / "run").mkdir()
    run = Workspace(str(tmp_path / "run"))
    results = comparison.compared(classifiers, "pgd", run)
    assert (tmp_path / "run" / "plots" / "energy_differences.png").exists()
    return results


def test_they_are_ordered_by_their_robust_accuracy(tmp_path):
    accuracies = {"middle": 0.4, "best": 0.7, "unknown": None, "worst": 0.1}
    rows = [analysed(tmp_path, *pair) for pair in accuracies.items()]
    results = compared(tmp_path, *rows)
    names = [row["classifier"] for row in results["classifiers"]]
    assert names == ["unknown", "worst", "middle", "best"]
    assert results["warnings"] == []
    best = results["classifiers"][-1]
    assert best["robust_accuracy"] == 0.7 and best["robust_accuracy_by"] == ["pgd"]
    assert best["natural_accuracy"] == 0.9 and best["pgd"]["all"]["num_images"] == 10
    assert json.loads(json.dumps(results)) == results


def test_accuracies_of_another_run_count_where_they_are_given(tmp_path):
    rows = [analysed(tmp_path, "one", 0.4), analysed(tmp_path, "two", 0.5)]
    found = {
        "folder": "runs/attacked",
        "weights": "one.weights.h5",
        "ball": SETTINGS["ball"],
        "natural_accuracy": 0.8,
        "natural_accuracy_interval": [0.7, 0.9],
        "robust_accuracy": 0.6,
        "robust_accuracy_interval": [0.5, 0.7],
        "by_attack": {"pgd": {}, "square": {}},
    }
    one = rows[0]._replace(robustness=found)
    results = compared(tmp_path, one, rows[1])
    last = results["classifiers"][-1]
    assert last["classifier"] == "one" and last["robust_accuracy"] == 0.6
    assert last["natural_accuracy"] == 0.8
    assert last["robust_accuracy_by"] == ["runs/attacked", "pgd", "square"]
    assert results["warnings"] == []


def test_what_was_not_measured_alike_is_told(tmp_path):
    first = analysed(tmp_path, "one", 0.4)
    fewer = analysed(tmp_path, "two", 0.5, num_images=9, settings={"ball": {}})
    found = {"folder": "attacked", "weights": "other.weights.h5", "ball": {}}
    rows = {"natural_accuracy": 0.9, "natural_accuracy_interval": [0, 1]}
    rows |= {
        "robust_accuracy": 0.9,
        "robust_accuracy_interval": [0, 1],
        "by_attack": {},
    }
    first = first._replace(robustness=found | rows)
    weights, ball, alike = compared(tmp_path, first, fewer)["warnings"]
    assert weights.startswith("attacked attacked other.weights.h5, and ")
    assert ball.startswith("attacked attacked in another ball than ")
    assert "was measured with other num_images, settings than" in alike


@pytest.mark.parametrize(
    ("results", "message"),
    [
        (None, "is not finished"),
        ({}, "has no energies under pgd"),
        ({"attacks": None}, "has no energies under pgd"),
        ({"attacks": {"by_attack": {"square": {}}}}, "has no energies under pgd"),
    ],
)
def test_an_analysis_without_the_attack_is_refused(results, message):
    with pytest.raises(ConfigError, match=f"some {message}: run ebm_tf/analyze.py"):
        comparison.analysed("some", results, "pgd")


def test_what_is_no_run_of_attacks_is_refused(tmp_path):
    with pytest.raises(RunError, match="not the folder of a run"):
        comparison.robustness(str(tmp_path))
