"""Whole measurements of numbers that no batch divides, on one replica and on two."""

import dataclasses
import importlib
import pathlib

import numpy as np
import pytest

from ebm_tf.config import core
from ebm_tf.config.core import Experiment
from ebm_tf.config.overrides import override
from ebm_tf.runtime import distribution
from ebm_tf.runtime.distribution import Replicas, make_replicas
from tests.runs import ROOT, learn_here

COMPARED = {
    "fid": ["samples/*/*.npz", "moments/*.npz"],
    "analyze": ["scores.npz", "distal.npz"],
    "attack": ["record.npz", "data_log/results.npz"],
}


def load(path: str, *changes: str) -> Experiment:
    return override(core.load(str(ROOT / path)), changes)


CASES = {
    # The images are the data's own: chains of several replicas draw other noise.
    "fid": (
        load(
            "configs_fid/digits_shortrun.py",
            *("num_steps=0", "start=data", "num_samples=75", "num_reference=111"),
        ),
        10,
    ),
    "analyze": (
        load(
            "configs/digits_analysis.py",
            *("num_test=37", "num_validation=23", "num_draws=10"),
            *("distal.num_per_class=1", "distal.num_steps=5"),
        ),
        4,
    ),
    "attack alone": (
        load(
            "configs_attack/digits_classifier.py",
            *("num_images=29", "auto_attack.num_steps=5", "auto_attack.num_queries=20"),
            *("carlini_wagner=None", "curve=(10.0,)", "num_bisections=2"),
        ),
        4,
    ),
    "attack purified": (
        load(
            "configs_attack/digits.py",
            *("num_images=7", "attack.num_steps=2", "defense.num_steps=5"),
            *("num_final_replicates=3", "defense.num_replicates=3", "chunk=10"),
        ),
        4,
    ),
}


def measured(
    config: Experiment, output: pathlib.Path
) -> tuple[dict, dict[str, np.ndarray]]:
    """Results, and the arrays of the files that are compared, by their names."""
    folder, results = learn_here(config, output)
    arrays = {}
    for pattern in COMPARED[config.executable]:
        for path in sorted(folder.glob(pattern)):
            with np.load(path) as stored:
                here = path.relative_to(folder)
                arrays |= {f"{here}/{name}": stored[name] for name in stored.files}
    return results, arrays


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES)
def test_two_replicas_measure_what_one_measures(
    case, tmp_path, one_replica, monkeypatch
):
    config, batch = CASES[case]
    assert make_replicas("cpu").count == 2
    two = dataclasses.replace(config, batch=2 * batch, device="cpu")
    results, arrays = measured(two, tmp_path / "two")
    module = importlib.import_module(f"ebm_tf.{config.executable}")
    for place in (module, distribution):
        monkeypatch.setattr(
            place, "make_replicas", lambda *_: Replicas(one_replica, jit=False)
        )
    one = dataclasses.replace(config, batch=batch, device="cpu")
    others, found = measured(one, tmp_path / "one")
    assert arrays and {name for name in arrays if "samples/" not in name} <= set(found)
    for name, value in arrays.items():
        if value.dtype.kind == "f" and "samples/" not in name:
            np.testing.assert_allclose(value, found[name], rtol=1e-4, atol=1e-4)
        elif "samples/" not in name:
            np.testing.assert_array_equal(value, found[name])
    for name, value in results.items():
        if isinstance(value, float):
            assert others[name] == pytest.approx(value, rel=1e-4, abs=1e-6), name
        elif isinstance(value, int) and "num" in name:
            assert others[name] == value, name
