"""Every example and every block of docs/scripts.md runs, and says what it claims."""

import os
import pathlib
import re
import subprocess
import sys

import pytest

import ebm_tf
from tests.runs import ROOT

# But for the networks of docs/own_networks.md, which is no script.
EXAMPLES = sorted({*(ROOT / "examples").glob("*.py")} - {ROOT / "examples/networks.py"})
PAGE = ROOT / "docs" / "scripts.md"


def run(path: pathlib.Path, folder: pathlib.Path) -> str:
    """What an example prints, started as a user does."""
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, path],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert "retracing" not in done.stderr
    return done.stdout


def figures(text: str, label: str) -> list[float]:
    """The numbers in the line that begins so."""
    (line,) = (line for line in text.splitlines() if line.startswith(label))
    return [float(number) for number in re.findall(r"-?\d+\.?\d*", line[len(label) :])]


def test_the_page_names_every_example_and_every_function():
    text = PAGE.read_text()
    for path in EXAMPLES:
        assert f"](../examples/{path.name})" in text
        assert f"python3 examples/{path.name}" in path.read_text()
    for name in set(ebm_tf.__all__) - {"AttackResult", "Model", "Run"}:
        assert name in text, name


def test_the_batch_script_goes_on_by_itself():
    path = ROOT / "examples" / "slurm.sh"
    assert subprocess.run(["bash", "-n", path]).returncode == 0
    text = path.read_text()
    assert text.rstrip().splitlines()[0] == "#!/usr/bin/env bash"
    assert 'ebm_tf "$@" --resume latest' in text and "scontrol requeue" in text


@pytest.mark.slow
def test_every_block_of_the_page_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    names: dict = {}
    for number, block in enumerate(blocks):
        exec(compile(block, f"{PAGE.name}, block {number + 1}", "exec"), names)
    assert names["energies"].shape == (10,) and names["drawn"].shape == (20, 8, 8, 1)
    assert names["accuracy"] > 0.9
    metrics = names["result"].metrics
    assert metrics["robust_accuracy"] < metrics["natural_accuracy"]
    assert names["normal"].mean() == pytest.approx(0.5, abs=0.02)
    assert (
        0 < names["found"]["frechet_pixels"] < 10
        and names["run"].results["frechet_pixels"] > 0
    )


@pytest.mark.slow
def test_first_samples(tmp_path):
    out = run(ROOT / "examples" / "first_samples.py", tmp_path)
    (samples,) = figures(out, "mean energy of samples:")
    (noise,) = figures(out, "mean energy of noise:")
    assert samples < noise and len(list(tmp_path.glob("first_samples/*.png"))) == 100


@pytest.mark.slow
def test_attack_your_model(tmp_path):
    out = run(ROOT / "examples" / "attack_your_model.py", tmp_path)
    (natural,) = figures(out, "accuracy:")
    (by_pgd,) = figures(out, "accuracy after PGD:")
    (by_all,) = figures(out, "after AutoAttack:")
    assert natural > 0.8 and by_all <= by_pgd + 0.02 < natural


@pytest.mark.slow
def test_purify_attacks(tmp_path):
    out = run(ROOT / "examples" / "purify_attacks.py", tmp_path)
    (natural,), (attacked,), (purified,) = (
        figures(out, f"{kind} images:") for kind in ("natural", "attacked", "purified")
    )
    assert attacked < 0.2 < 0.4 < purified < natural


@pytest.mark.slow
def test_compare_folders(tmp_path):
    out = run(ROOT / "examples" / "compare_folders.py", tmp_path)
    alike, dark = (figures(out, f"{one}: distance") for one in ("other_half", "dark"))
    assert alike[0] < 1 < dark[0] and alike[-1] > dark[-1]


@pytest.mark.slow
def test_classify_images(tmp_path):
    out = run(ROOT / "examples" / "classify_images.py", tmp_path)
    assert figures(out, "accuracy:")[0] > 0.85
    assert figures(out, "a mirrored digit has the higher energy in")[0] > 70


@pytest.mark.slow
def test_new_energy(tmp_path):
    out = run(ROOT / "examples" / "new_energy.py", tmp_path)
    assert figures(out, "threes among the samples:")[0] > 80
    assert len(list(tmp_path.glob("threes/*.png"))) == 64


@pytest.mark.slow
def test_learn_and_load(tmp_path):
    out = run(ROOT / "examples" / "learn_and_load.py", tmp_path)
    assert figures(out, "Fréchet distance in pixels:")[0] > 0
    (folder,) = tmp_path.glob("runs/digits_nonconv/*")
    assert (folder / "results.json").exists()
    assert out.splitlines()[-1].endswith("(16, 8, 8, 1)")
