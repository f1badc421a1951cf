"""Classifiers beside each other, by where their gradients point."""

import csv
import dataclasses
import re

import numpy as np
import pytest

from ebm_tf.config.core import load
from ebm_tf.errors import ConfigError
from ebm_tf.evaluation.alignment.comparison import compared, measured
from ebm_tf.evaluation.finished_runs import described
from ebm_tf.runtime import run_folders
from ebm_tf.runtime.workspace import Workspace
from tests.runs import ROOT

ALIGN = load(str(ROOT / "configs" / "sphere_align.py"))
METHODS = {
    name: load(str(ROOT / "configs" / f"sphere_{name}.py"))
    for name in ("baseline", "lalpha")
}


def aligned(tmp_path, method: str, seed: int, alpha: float, radius, **changes) -> str:
    """A finished run; 30 images are 0.2 from the other class, and 10 are 0.4."""
    learning = dataclasses.replace(METHODS[method], seed=seed)
    learned = run_folders.create(str(tmp_path / "learned"), learning, seed)
    run = run_folders.create(str(tmp_path / "aligned"), ALIGN, seed)
    lengths = {"0": (30, 0.2), "1": (10, 0.4)}
    results = {
        "accuracy": 1.0,
        "alignments": {
            "all": {name: {"mean": alpha} for name in ("alpha_dx", "alpha_x")}
        },
        "norms": {
            label: {"num_images": n, "difference": {"mean": mean}}
            for label, (n, mean) in lengths.items()
        },
        "searches": {"pgd_l2": {"median_radius": radius}},
        "weights": f"{learned.folder}/weights/classifier_selected.weights.h5",
        "data": "spheres",
        "split": "test",
        "num_images": 40,
    }
    run.write_results(results | changes)
    return run.folder


def test_methods_have_intervals_over_seeds(tmp_path):
    runs = [
        aligned(tmp_path, "baseline", 0, 0.6, 0.07),
        aligned(tmp_path, "baseline", 1, 0.7, 0.09),
        aligned(tmp_path, "lalpha", 2, 0.9, None),
    ]
    assert (
        list(described(map(measured, runs)))[1] == f"sphere_baseline, seed 1: {runs[1]}"
    )
    found = compared(runs, Workspace(str(tmp_path)))
    assert [run["eps50_pgd_l2"] for run in found["runs"]] == [0.07, 0.09, None]
    assert found["runs"][0]["half_difference"] == pytest.approx(0.125)
    assert not found["warnings"]
    text = (tmp_path / "log.txt").read_text()
    # Student's t of one degree of freedom, 12.71, times the error 0.01.
    assert re.search(r"sphere_baseline +2 .* 0\.08 \+- 0\.13", text)
    assert re.search(r"sphere_lalpha +1 .* -\n", text)
    with open(tmp_path / "alignments.csv") as file:
        rows = list(csv.DictReader(file))
    np.testing.assert_allclose(
        [float(row["alpha_dx"]) for row in rows], [0.6, 0.7, 0.9]
    )
    picture = tmp_path / "plots" / "eps50_pgd_l2_by_alpha.png"
    assert picture.read_bytes()[:4] == b"\x89PNG"


def test_what_was_never_broken_has_no_picture(tmp_path):
    runs = [aligned(tmp_path, "lalpha", 2, 0.9, None)]
    found = compared(runs, Workspace(str(tmp_path)))
    assert found["runs"][0]["eps50_pgd_l2"] is None
    assert not (tmp_path / "plots").exists()


def test_other_images_are_told(tmp_path):
    runs = [
        aligned(tmp_path, "baseline", 0, 0.6, 0.07),
        aligned(tmp_path, "baseline", 1, 0.6, 0.07, num_images=30),
    ]
    (warning,) = compared(runs, Workspace(str(tmp_path)))["warnings"]
    assert warning == f"{runs[1]} was measured with other num_images than {runs[0]}."


def test_what_is_no_finished_measurement_is_refused(tmp_path):
    run = run_folders.create(str(tmp_path), ALIGN, 1_700_000_000)
    with pytest.raises(ConfigError, match="not a finished run of align.py"):
        measured(run.folder)
