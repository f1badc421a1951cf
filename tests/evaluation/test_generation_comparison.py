"""Images of several classifiers beside each other."""

import csv
import dataclasses
import re

import pytest

from ebm_tf.config.core import load, to_mapping
from ebm_tf.errors import ConfigError
from ebm_tf.evaluation.generation_comparison import compared, measured
from ebm_tf.runtime import run_folders
from ebm_tf.runtime.workspace import Workspace
from tests.runs import ROOT

CONFIG = load(str(ROOT / "configs" / "digits_generate.py"))
GENERATION = to_mapping(CONFIG)
METHODS = {
    name: load(str(ROOT / "configs" / f"digits_{name}.py")) for name in ("sat", "clean")
}
COMMON = {"precision": 0.5, "recall": 0.4, "diversity": 0.7, "num_samples": 1000}


def generated(tmp_path, method: str, seed: int, distance: float, **changes) -> str:
    """A finished run, and a variation of it that is farther by one."""
    learning = dataclasses.replace(METHODS[method], seed=seed)
    learned = run_folders.create(str(tmp_path / "learned"), learning, seed)
    run = run_folders.create(str(tmp_path / "generated"), CONFIG, seed)
    figures = COMMON | {"frechet_classifier": distance, "kernel_classifier": 0.1}
    varied = figures | {
        "value": "ClassGaussian",
        "frechet_classifier": distance + 1,
        "agreement": {"classifier": 0.9},
    }
    results = figures | {
        "class_agreement": {"classifier": {"share": 0.95}},
        "variations": {"start": [varied]},
        "weights": {"energy": f"{learned.folder}/weights/classifier.weights.h5"},
        "data": "digits",
        "split": "train[:1197]",
        "num_steps": 20,
        "classes": list(range(10)),
        "potential": "joint",
        "start": GENERATION["start"],
        "langevin": GENERATION["langevin"],
        "stop_within": None,
        "feature_weights": "some",
        "reference": "digits, split train[:1197], 1,197 images",
    }
    run.write_results(results | changes)
    return run.folder


def test_methods_have_intervals_over_seeds(tmp_path):
    runs = [
        generated(tmp_path, "sat", 0, 3.0),
        generated(tmp_path, "sat", 1, 5.0),
        generated(tmp_path, "clean", 2, 9.0),
    ]
    found = compared(runs, Workspace(str(tmp_path)))
    assert [run["frechet_classifier"] for run in found["runs"]] == [3.0, 5.0, 9.0]
    assert not found["warnings"]
    text = (tmp_path / "log.txt").read_text()
    assert re.search(r"method +digits_sat +digits_clean\n", text)
    # Student's t of one degree of freedom, 12.71, times the error 1.
    assert re.search(r"frechet_classifier +4 \+- 13 +9\n", text)
    line = r"frechet_classifier/start=ClassGaussian +5 \+- 13 +10\n"
    assert re.search(line, text)
    with open(tmp_path / "generations.csv") as file:
        rows = list(csv.DictReader(file))
    assert [row["seed"] for row in rows] == ["0", "1", "2"]
    assert rows[2]["share of the class asked for/classifier"] == "0.95"


def test_other_chains_are_told(tmp_path):
    runs = [
        generated(tmp_path, "sat", 0, 3.0),
        generated(tmp_path, "clean", 1, 3.0, num_steps=50),
    ]
    (warning,) = compared(runs, Workspace(str(tmp_path)))["warnings"]
    assert warning == f"{runs[1]} was measured with other num_steps than {runs[0]}."


def test_what_generated_nothing_is_refused(tmp_path):
    run = run_folders.create(str(tmp_path), METHODS["sat"], 0)
    with pytest.raises(ConfigError, match=r"is not a finished run of generate\.py"):
        measured(run.folder)
