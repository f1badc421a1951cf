"""A whole run that learns an energy by denoising score matching."""

import json

import numpy as np
import pytest

from ebm_tf import train_dsm
from ebm_tf.config import core
from ebm_tf.config.overrides import override
from ebm_tf.errors import ConfigError
from tests.runs import ROOT, assert_same_arrays, learn_here, run_here, saved_arrays

DIGITS = ROOT / "configs" / "digits_dsm.py"
TINY = [
    "num_updates=6",
    "save_every=3",
    "log_every=3",
    "batch=20",
    "energy.width=4",
    "data.split=train[:100]",
    "samples.num_samples=20",
    "samples.num_steps=3",
]


def tiny(*changes: str):
    return override(core.load(str(DIGITS)), [*TINY, *changes])


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return learn_here(tiny(), tmp_path_factory.mktemp("whole"))


def test_results_and_files(whole):
    folder, results = whole
    assert np.isfinite(results["frechet_pixels"]) and results["num_samples"] == 20
    lines = (folder / "metrics.jsonl").read_text().splitlines()
    metrics = [json.loads(line) for line in lines]
    assert [line["step"] for line in metrics] == [3, 6]
    assert all(0 < line["loss"] < 3 and line["grad_norm"] > 0 for line in metrics)
    names = {path.name for path in (folder / "weights").iterdir()}
    assert {"energy_00000006.weights.h5", "energy_average_00000006.weights.h5"} <= names
    begun, ended = saved_arrays(folder, 0), saved_arrays(folder)
    assert not np.array_equal(begun["energy/0"], ended["energy/0"])
    assert {path.name for path in (folder / "images").iterdir()} == {
        "data.png",
        "samples.png",
        "chains.gif",
    }


@pytest.mark.slow
def test_a_run_in_two_pieces_is_one_run(whole, tmp_path):
    folder, _ = learn_here(tiny("num_updates=3"), tmp_path)
    done = run_here("--resume", folder, "--set", "num_updates=6", executable=None)
    assert (done.code, done.err) == (0, ""), done
    assert_same_arrays(saved_arrays(folder), saved_arrays(whole[0]))
    lines = [(run / "metrics.jsonl").read_text() for run in (folder, whole[0])]
    assert lines[0] == lines[1]


def test_it_is_described():
    lines = list(train_dsm.describe(tiny()))
    assert lines[0].startswith("energy: ") and lines[-1].startswith("data: 100 images")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("noise_levels=(1.0,0.5)", "noise_levels"),
        ("noise_levels=(0,0.5)", "noise_levels"),
        ("score_stddev=0", "score_stddev=0"),
        ("conditional=True", "neither a prior nor a generator nor classes"),
    ],
)
def test_bad_input(change, message):
    with pytest.raises(ConfigError, match=message):
        tiny(change)
