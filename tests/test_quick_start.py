"""The aim of the quick start: what it must reach, whole and as a user starts it."""

import json
import subprocess
import sys

import pytest

from tests.runs import ROOT, TRAIN


@pytest.mark.slow
@pytest.mark.parametrize("compute_dtype", ["float32", "bfloat16"])
def test_digits_are_learned(tmp_path, compute_dtype):
    words = [ROOT / "configs" / "digits_nonconv.py", "--output", tmp_path]
    words += ["--set", f"compute_dtype={compute_dtype}"]
    subprocess.run([sys.executable, TRAIN, *words], check=True)
    (results,) = tmp_path.glob("digits_nonconv/*/results.json")
    figures = json.loads(results.read_text())
    assert figures["num_samples"] == 1000 and figures["num_images"] == 1797
    assert figures["frechet_pixels"] <= 1.0
    assert len(figures["class_shares"]) == 10
    assert min(figures["class_shares"].values()) >= 0.03
