"""Corrupted images by the command line."""

import json

import numpy as np
import pytest

from tests import runs
from tests.runs import ROOT, run_here

DIGITS = ROOT / "configs" / "digits_corruptions.py"
SMALL = {"num_test": 40, "num_validation": 30, "num_draws": 20, "batch": 20}


def analyze(*arguments: object, **settings) -> runs.Done:
    given = SMALL | {name.replace("__", "."): v for name, v in settings.items()}
    words = [word for name, v in given.items() for word in ("--set", f"{name}={v}")]
    return run_here(DIGITS, *arguments, *words, executable="analyze")


@pytest.mark.slow
def test_figures_arrays_and_pictures(tmp_path):
    names = "('contrast', 'gaussian_noise')"
    done = analyze("--output", tmp_path, corruptions__names=names)
    assert done.code == 0, done.err
    results = json.loads((done.folder / "results.json").read_text())
    found = results["corruptions"]
    assert found["num_images"] == 40 and len(found["rows"]) == 10
    clean = results["by_noise"][0]["accuracy"]
    assert found["clean"]["accuracy"] == clean
    with np.load(done.folder / "corruptions.npz") as stored:
        for row in found["rows"]:
            place = f"{row['corruption']}/{row['severity']}"
            right = stored[f"{place}/logits"].argmax(-1) == stored[f"{place}/labels"]
            assert row["accuracy"] == right.mean()
            energy = stored[f"{place}/energy"].mean(dtype=np.float64)
            assert row["energy_mean"] == pytest.approx(energy)
    assert "contrast, accuracy (mean E(x)) by severity: 1: " in done.out
    for part in ("plots", "images"):
        assert (done.folder / part / "corruptions.png").is_file()
    # Others batches and fewer corruptions change nothing of what is left.
    again = analyze(
        "--output", tmp_path, corruptions__names="('gaussian_noise',)", batch=8
    )
    rows = json.loads((again.folder / "results.json").read_text())["corruptions"]
    for row, before in zip(rows["rows"], found["rows"][5:], strict=True):
        assert row["accuracy"] == before["accuracy"]
        assert row["energy_mean"] == pytest.approx(before["energy_mean"], rel=1e-5)


def test_a_dry_run_tells_them(tmp_path):
    done = analyze("--output", tmp_path, "--dry_run")
    assert done.code == 0, done.err
    line = "corruptions of the test images: gaussian_noise, blur, contrast, "
    assert line in done.out


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"corruptions__names": "('fog',)"}, "to be of gaussian_noise"),
        (
            {"corruptions": "{'type': 'CorruptedFolder', 'folder': '/none'}"},
            "No corrupted images in /none",
        ),
    ],
)
def test_a_mistake_is_one_line(settings, message, tmp_path):
    done = analyze("--output", tmp_path, **settings)
    assert done.code == 2, done.out
    assert message in done.err and done.err.count("\n") == 1
    assert not list(tmp_path.rglob("results.json"))
