"""What classifiers generate: of a joint run, and of a release that kept no chains."""

import json
import pathlib

import numpy as np
import pytest
from PIL import Image

from ebm_tf import pixels
from tests.joint_runs import joint_run
from tests.runs import ROOT, Done, run_here, saved_arrays

DIGITS = ROOT / "configs" / "digits_analysis.py"
SMALL = {
    "num_test": 40,
    "num_validation": 30,
    "num_draws": 10,
    "others": "()",
    "noise": "(0.0,)",
    "distal": None,
    "batch": 20,
    "samples.num_samples": 30,
}
STEP = "{'type': 'Langevin', 'noise': 0.01, 'drift': 0.3}"
GIVEN = {
    "samples__num_steps": 5,
    "samples__temperature": 1.0,
    "samples__langevin": STEP,
}
KINDS = ("unconditional", "conditional", "bank")


def analyze(*arguments: object, **settings: object) -> Done:
    given = SMALL | {name.replace("__", "."): v for name, v in settings.items()}
    words = [word for name, v in given.items() for word in ("--set", f"{name}={v}")]
    return run_here(DIGITS, *arguments, *words, executable="analyze")


def read(done: Done) -> dict:
    assert done.code == 0, done.err
    return json.loads((done.folder / "results.json").read_text())["samples"]


@pytest.fixture(scope="module")
def learned(tmp_path_factory) -> str:
    return str(joint_run(tmp_path_factory.mktemp("learned")))


@pytest.fixture(scope="module")
def done(learned, tmp_path_factory) -> Done:
    folder = tmp_path_factory.mktemp("analysis")
    done = analyze("--output", folder, weights=learned)
    assert done.code == 0, done.err
    return done


@pytest.mark.slow
def test_three_kinds_of_samples_are_told_apart(done):
    results = read(done)
    assert set(KINDS) <= set(results) and results["notes"] == []
    for kind in KINDS:
        found = results[kind]
        assert found["frechet_pixels"] > 0 and found["num_reference"] == 1197
        assert found["num_samples"] == 30
        for name in ("precision", "recall"):
            assert 0 <= found[name] <= 1
        assert found["kernel_pixels"] is not None and found["inception_score"] is None
        for shares in found["class_shares"].values():
            assert sum(shares.values()) == pytest.approx(1.0)
    assert results["bank"]["num_in_bank"] == 80
    assert results["bank"]["num_updates"] == 100
    assert "class_agreement" not in results["unconditional"] | results["bank"]


@pytest.mark.slow
def test_chains_are_those_of_the_run_unless_settings_say_others(done):
    results = read(done)
    assert results["num_steps"] == 3 and results["temperature"] == 1.0
    assert results["langevin"]["drift"] == 0.5 and results["start"] == "noise"
    assert results["features"] == "pixels"
    assert results["reference"] == "digits, split train[:1197], 1,197 images"


@pytest.mark.slow
def test_samples_of_classes_are_balanced_and_judged(done):
    results = read(done)
    assert results["judge_accuracy"]["logistic_regression"] > 0.8
    agreed = results["conditional"]["class_agreement"]
    assert set(agreed) == {"classifier", "logistic_regression"}
    for found in agreed.values():
        low, high = found["share_interval"]
        assert 0 <= low <= found["share"] <= high <= 1
        assert np.mean(list(found["by_class"].values())) == pytest.approx(
            found["share"]
        )
    # The classifier's own logits are what the chains climb.
    assert agreed["classifier"]["share"] > 0.3
    with np.load(done.folder / "samples.npz") as stored:
        np.testing.assert_array_equal(stored["conditional/labels"], np.arange(30) % 10)
        assert stored["unconditional/images"].shape == (30, 8, 8, 1)


@pytest.mark.slow
def test_the_bank_is_that_of_the_run(done, learned):
    arrays = saved_arrays(pathlib.Path(learned))
    kept = np.concatenate([arrays["state/0/0"], arrays["state/1/0"]])
    rows = {image.tobytes() for image in pixels.to_bytes(kept)}
    with np.load(done.folder / "samples.npz") as stored:
        assert all(image.tobytes() in rows for image in stored["bank/images"])


@pytest.mark.slow
def test_pictures(done):
    for name in ("samples", "samples_by_class", "bank"):
        assert Image.open(done.folder / "images" / f"{name}.png").width > 200
    tall = Image.open(done.folder / "images" / "samples_by_class.png")
    assert tall.height > tall.width  # ten classes of three


@pytest.mark.slow
def test_a_release_has_no_bank_and_no_chains(tmp_path):
    release = "release:digits_weat_adv"
    done = analyze("--output", tmp_path, weights=release)
    assert done.code == 2 and done.err.count("\n") == 1
    assert (
        "Expected samples.num_steps and samples.langevin and samples.temp" in done.err
    )
    features = {
        "samples__features.name": "classifier",
        "samples__features.weights": release,
        "samples__features.classifier": (
            "{'type': 'ClassifierNetwork', 'architecture': 'small_cnn'}"
        ),
    }
    done = analyze("--output", tmp_path, weights=release, **GIVEN, **features)
    results = read(done)
    told = "no replay buffer: the run kept no chains"
    assert results["bank"] is None and results["notes"] == [told]
    assert f"Note: {told}." in done.out
    assert results["unconditional"]["inception_score"] >= 1
    assert results["features"] == "classifier"
    assert not (done.folder / "images" / "bank.png").exists()


@pytest.mark.slow
def test_a_dry_run_tells_what_is_sampled(learned, tmp_path):
    done = analyze("--output", tmp_path, "--dry_run", weights=learned)
    assert done.code == 0, done.err
    told = (
        "30 chains of each of unconditional, conditional, 3 Langevin steps from noise"
    )
    assert told in done.out and "features: pixels, none" in done.out


@pytest.mark.slow
def test_chains_that_broke_are_told(learned, tmp_path):
    huge = "{'type': 'Langevin', 'noise': 1e38, 'drift': 0.5}"
    done = analyze("--output", tmp_path, weights=learned, samples__langevin=huge)
    assert done.code == 0, done.err
    results = json.loads((done.folder / "results.json").read_text())
    found = results["samples"]["conditional"]
    assert found["frechet_pixels"] is None and found["num_not_finite"] > 0
    warning = f"Of 30 samples, conditional, {found['num_not_finite']} are not finite."
    assert warning in results["warnings"]
    assert results["samples"]["bank"]["frechet_pixels"] > 0
