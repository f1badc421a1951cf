"""The executable on released classifiers and on a run, as a user starts it."""

import json

import numpy as np
import pytest

from ebm_tf.evaluation import scores
from tests import runs
from tests.runs import ROOT, run_here

DIGITS = ROOT / "configs" / "digits_analysis.py"
SMALL = {
    "num_test": 40,
    "num_validation": 30,
    "num_draws": 20,
    "distal.num_per_class": 2,
    "distal.num_steps": 20,
    "batch": 20,
}
OTHERS = (
    "({'type': 'UniformNoise', 'num': 30}, {'type': 'Interpolated'}, "
    "{'type': 'NamedData', 'data': {'type': 'Data', 'name': 'OWN:letters', "
    "'image_size': 12, 'channels': 1}})"
)
OWN = """
import numpy as np

def letters(split, directory):
    return np.arange(7 * 144, dtype=np.uint8).reshape(7, 12, 12, 1)
"""


def analyze(*arguments: object, **settings) -> runs.Done:
    given = SMALL | {name.replace("__", "."): v for name, v in settings.items()}
    if "distal" in settings:
        given = {name: v for name, v in given.items() if "distal." not in name}
    words = [word for name, v in given.items() for word in ("--set", f"{name}={v}")]
    return run_here(*arguments, *words, executable="analyze")


def read(done: runs.Done) -> dict:
    return json.loads((done.folder / "results.json").read_text())


@pytest.fixture(scope="module")
def done(tmp_path_factory) -> runs.Done:
    """A small run with three sets, one of the user's own, of another size."""
    folder = tmp_path_factory.mktemp("analyze")
    (folder / "own.py").write_text(OWN)
    others = OTHERS.replace("OWN", str(folder / "own.py"))
    done = analyze(DIGITS, "--output", folder, others=others)
    assert done.code == 0, done.err
    return done


def test_figures_have_intervals_numbers_and_meanings(done):
    results = read(done)
    assert results["num_images"] == 40 and results["num_validation"] == 30
    assert [level["noise"] for level in results["by_noise"]] == [0.0, 0.03]
    assert results["weights"].endswith("classifier_selected.weights.h5")
    for level in results["by_noise"]:
        low, high = level["accuracy_interval"]
        assert 0.8 < low <= level["accuracy"] <= high <= 1
        calibrated = level["calibration"]
        assert calibrated["temperature"] > 0
        for when in ("before", "after"):
            low, high = calibrated[when]["expected_calibration_error_interval"]
            assert 0 <= low <= high < 0.5
        assert set(level["out_of_distribution"]) == set(results["others"])
        for by_score in level["out_of_distribution"].values():
            assert set(by_score) == set(scores.SCORES)
            for found in by_score.values():
                assert 0 <= found["auroc_interval"][0] <= found["auroc"] <= 1
                assert found["num_not_finite"] == 0
        noise = level["out_of_distribution"]["uniform_noise"]
        assert noise["log_density"]["auroc"] > 0.9
    assert set(scores.SCORES) | {"noise", "calibration"} <= set(results["units"])
    sizes = [other["num_images"] for other in results["others"].values()]
    assert sizes == [30, 40, 7]
    assert results["distal"]["num_images"] == 20


def test_a_set_of_another_size_is_resized_and_told(done):
    other = read(done)["others"]["letters"]
    assert other["resize"] == "resized from 12 to 8 pixels"
    assert "Note: letters: resized from 12 to 8 pixels." in done.out
    assert (done.folder / "own" / "own.py").read_text() == OWN


def test_arrays_and_pictures_are_kept(done):
    with np.load(done.folder / "scores.npz") as stored:
        assert stored["labels/test"].shape == (40,)
        assert stored["noise_0/validation/logits"].shape == (30, 10)
        for name in scores.SCORES:
            assert stored[f"noise_0.03/letters/{name}"].shape == (7,)
        right = stored["noise_0/test/logits"].argmax(-1) == stored["labels/test"]
    assert right.mean() == read(done)["by_noise"][0]["accuracy"]
    with np.load(done.folder / "distal.npz") as stored:
        assert stored["images"].shape == (20, 8, 8, 1)
    pictures = {str(p.relative_to(done.folder)) for p in done.folder.rglob("*.png")}
    names = ("test", "uniform_noise", "interpolated", "letters", "distal")
    plots = ("reliability", "scores_noise_0", "scores_noise_0.03")
    expected = {f"images/{name}.png" for name in names}
    assert pictures == expected | {f"plots/{name}.png" for name in plots}


def test_it_is_the_same_of_a_file_in_other_batches_and_with_less_beside_it(
    done, tmp_path
):
    others = "({'type': 'UniformNoise', 'num': 30},)"
    file = read(done)["weights"]
    found = analyze(
        DIGITS, "--output", tmp_path, others=others, batch=14, distal=None, weights=file
    )
    assert found.code == 0, found.err
    with (
        np.load(done.folder / "scores.npz") as first,
        np.load(found.folder / "scores.npz") as second,
    ):
        assert set(second.files) < set(first.files)
        for name in second.files:
            np.testing.assert_allclose(second[name], first[name], rtol=1e-4, atol=1e-4)
    results, before = read(found), read(done)
    assert results["weights"] == file and results["distal"] is None
    assert not (found.folder / "images" / "distal.png").exists()
    for one, other in zip(results["by_noise"], before["by_noise"], strict=True):
        assert one["accuracy"] == other["accuracy"]
        error = one["calibration"]["before"]["expected_calibration_error"]
        same = other["calibration"]["before"]["expected_calibration_error"]
        assert error == pytest.approx(same, abs=1e-4)


def test_images_that_the_classifier_saw_are_told(tmp_path):
    splits = {
        "data__split": "train[1437:]",
        "validation_split": "train[1000:1197]",
        "test_split": "train[:1000]",
    }
    quick = {"others": (), "noise": (0.0,), "num_draws": 2, "distal": None}
    found = analyze(DIGITS, "--output", tmp_path, **splits, **quick)
    assert found.code == 0, found.err
    first, second, third = read(found)["warnings"]
    assert "shares images with the train[:1000] that is measured" in first
    assert "shares images with the train[1000:1197] that is measured" in second
    assert "The temperature with noise 0 is at the end of its range" in third


def test_what_is_not_finite_is_told(tmp_path, monkeypatch):
    plain = scores.scored

    def scored(classifier, energy):
        run = plain(classifier, energy)

        def broken(images, keys, noise):
            found = run(images, keys, noise)
            low = found["log_density"] < 5.0
            nan = np.float32("nan")
            values = {"log_density": low, "approximate_mass": low}
            return found | {
                name: scores.tf.where(where, nan, found[name])
                for name, where in values.items()
            }

        return broken

    monkeypatch.setattr(scores, "scored", scored)
    others = "({'type': 'UniformNoise'},)"
    found = analyze(
        DIGITS, "--output", tmp_path, others=others, noise=(0.0,), distal=None
    )
    assert found.code == 0, found.err
    results = read(found)
    (level,) = results["by_noise"]
    by_score = level["out_of_distribution"]["uniform_noise"]
    number = by_score["log_density"]["num_not_finite_of_others"]
    assert number > 10 and by_score["max_probability"]["num_not_finite"] == 0
    line = f"Of 40 images of uniform_noise {number} have log_density that is not finite"
    assert any(warning.startswith(line) for warning in results["warnings"])
    assert f"Warning: {line}" in found.out


def test_a_dry_run_tells_what_is_read(tmp_path):
    done = analyze(DIGITS, "--output", tmp_path / "runs", "--dry_run")
    assert done.code == 0, done.err
    assert "classifier: small_cnn_4_16, " in done.out
    assert "test: 40 images of digits, train[1437:], scikit-learn" in done.out
    assert "validation: 30 images of digits, train[1197:1437]" in done.out
    assert "gaussian_noise: GaussianNoise, stddev 0.5" in done.out
    assert "noise: 0, 0.03" in done.out
    done = analyze(DIGITS, "--output", tmp_path / "runs", "--dry_run", weights=None)
    assert done.code == 0 and "missing: The classifier of digits_anal" in done.out
    assert not (tmp_path / "runs").exists()


def named(name: str, channels: int = 1) -> str:
    data = {"type": "Data", "name": name, "image_size": 8, "channels": channels}
    return f"({ {'type': 'NamedData', 'data': data} },)"


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"others": named("digits", 3)}, "data.channels=3 of the set digits to be the"),
        ({"others": named("digit")}, "Unknown dataset 'digit': did you mean digits"),
        ({"others": "({'type': 'Mirrored'},)"}, "to be of type NamedData | Unif"),
        ({"others": "({'type': 'Inverted', 'n': 3},)"}, "Unknown setting 'n'"),
        ({"test_split": "train[1400:]"}, "train[1197:1437] and train[1400:] do."),
        ({"weights": "release:none"}, "none"),
        ({"weights": "release:digits_sngan"}, "classifier"),
        ({"weights": None}, "needs weights: --set weights=RUN"),
        ({"batch": 9}, "batch=9 to be divisible by 2 replicas"),
        ({"data__image_size": 16}, "learned from images of 8 pixels and 1 channels"),
    ],
)
def test_a_mistake_is_one_line(settings, message, tmp_path):
    done = analyze(DIGITS, "--output", tmp_path, **settings)
    assert done.code == 2, done.out
    assert message in done.err and done.err.count("\n") == 1
    assert not list(tmp_path.rglob("*.json"))
