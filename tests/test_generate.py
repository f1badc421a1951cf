"""Images drawn from classifiers and energies by generate.py."""

import json
import pathlib

import numpy as np
import pytest
from PIL import Image

from ebm_tf.sampling.segments import load_labels, load_samples
from tests.runs import ROOT, Done, run_here, saved_steps

DIGITS = ROOT / "configs" / "digits_generate.py"
SMALL = {
    "num_samples": 40,
    "batch": 20,
    "num_steps": 4,
    "variations": "()",
    "num_statistics": 300,
    "features": "{'type': 'FeatureExtractor', 'name': 'pixels'}",
}
CLASSLESS = {
    "energy": "{'type': 'Network', 'width': 16, 'activation': 'silu'}",
    "weights": "release:digits_nonconv",
    "conditional": False,
    "potential": "marginal",
    "start": "{'type': 'UniformStart'}",
    "temperature": 0.002,
}


def generate(*arguments: object, **settings: object) -> Done:
    given = SMALL | {name.replace("__", "."): v for name, v in settings.items()}
    words = [word for name, v in given.items() for word in ("--set", f"{name}={v}")]
    return run_here(DIGITS, *arguments, *words, executable="generate")


def results(done: Done) -> dict:
    assert done.code == 0, done.err
    return json.loads((done.folder / "results.json").read_text())


def images(folder: pathlib.Path, num_steps: int = 4) -> np.ndarray:
    rounds = load_samples(str(folder), num_steps)
    return np.concatenate([found for found, _ in rounds])


@pytest.mark.slow
def test_images_of_given_classes_are_written_shown_and_measured(tmp_path):
    done = generate("--output", tmp_path, classes="(7, 3)", num_steps="(0, 4)")
    found = results(done)
    assert found["classes"] == [7, 3] and found["num_samples"] == 40
    assert [row["num_steps"] for row in found["by_num_steps"]] == [0, 4]
    assert set(found["class_agreement"]["classifier"]["by_class"]) == {"3", "7"}
    assert found["class_agreement"]["classifier"]["share"] > 0.9
    assert 0 < found["diversity"] < 2
    labels = load_labels(str(done.folder), 4)
    assert labels.tolist() == [7, 3] * 20
    for label in (3, 7):
        paths = sorted((done.folder / "png" / f"class_{label}").iterdir())
        written = np.stack([np.asarray(Image.open(path)) for path in paths])
        own = images(done.folder)[labels == label]
        np.testing.assert_array_equal(written, own[..., 0])
    shown = {path.name for path in (done.folder / "images").iterdir()}
    assert {"by_class_00000000.png", "by_class_00000004.png", "chains.gif"} <= shown


@pytest.mark.slow
@pytest.mark.parametrize("potential", ["reference", "mahalanobis", "posterior"])
def test_other_potentials_and_stopping(potential, tmp_path):
    done = generate("--output", tmp_path, potential=potential, stop_within=0.5)
    assert results(done)["potential"] == potential


@pytest.mark.slow
@pytest.mark.parametrize("name", ["digits_jem", "digits_clean"])
def test_other_classifiers_draw_too(name, tmp_path):
    done = generate("--output", tmp_path, weights=f"release:{name}")
    assert results(done)["class_agreement"]["logistic_regression"]["share"] > 0.9


@pytest.mark.slow
def test_statistics_of_classes_are_measured_once(tmp_path):
    folder = tmp_path / "class_statistics"
    assert results(generate("--output", tmp_path, potential="reference"))
    (path,) = folder.iterdir()
    written = path.stat().st_mtime_ns
    assert results(generate("--output", tmp_path, stop_within=0.5))
    assert [p.stat().st_mtime_ns for p in folder.iterdir()] == [written]
    assert results(generate("--output", tmp_path, stop_within=0.5, seed=1))
    assert len(list(folder.iterdir())) == 2


@pytest.mark.slow
def test_an_energy_without_classes_has_no_classes(tmp_path):
    done = generate("--output", tmp_path, **CLASSLESS)
    found = results(done)
    assert found["classes"] == [] and "class_agreement" not in found
    assert set(found["judge_accuracy"]) == {"logistic_regression"}
    assert len(list((done.folder / "png").iterdir())) == 40


@pytest.mark.slow
def test_variations_are_measured_beside_the_experiment(tmp_path):
    values = "({'type': 'Variation', 'setting': 'num_steps', 'values': (0, 2)},)"
    done = generate("--output", tmp_path, variations=values)
    rows = results(done)["variations"]["num_steps"]
    assert [row["value"] for row in rows] == ["0", "2"]
    assert (done.folder / "plots" / "variations.png").is_file()
    assert not (done.folder / "num_steps_0" / "png").exists()


@pytest.mark.slow
def test_a_run_that_goes_on_ends_in_the_same_images(tmp_path):
    whole = generate("--output", tmp_path / "whole", save_every=2, record_every=1)
    begun = generate("--output", tmp_path / "begun", save_every=2, record_every=1)
    (begun.folder / "results.json").unlink()
    steps = saved_steps(begun.folder)
    for path in (begun.folder / "checkpoints").glob(f"*{steps[-1]:08d}*"):
        path.unlink()
    done = run_here("--resume", begun.folder, executable="generate")
    assert done.code == 0, done.err
    np.testing.assert_array_equal(images(begun.folder), images(whole.folder))


@pytest.mark.parametrize(
    "settings, message",
    [
        ({"classes": "(3, 10)"}, "below 10"),
        ({"classes": "(3, 3)"}, "to be different"),
        ({"potential": "dearest"}, "potential='dearest'"),
        ({"conditional": False}, "conditional=True"),
        (CLASSLESS | {"potential": "joint"}, "potential='marginal'"),
        (CLASSLESS | {"start": "{'type': 'ClassPca'}"}, "UniformStart"),
        ({"start.temperature": -1.0}, "temperature=-1.0"),
        ({"weights": "release:nothing"}, "release"),
    ],
)
def test_mistakes_are_told_in_one_line(settings, message):
    done = generate("--dry_run", **settings)
    assert done.code == 2 and message in done.err
    assert done.err.count("\n") == 1


def test_a_dry_run_says_what_is_drawn():
    done = generate("--dry_run", classes="(3,)")
    assert done.code == 0, done.err
    assert (
        "40 images of classes [3], after [4] steps that descend the joint" in done.out
    )
