"""Whole runs of joint models: what they leave, stops, divergence, bad input."""

import dataclasses
import json
import math
import pathlib
import zipfile
from typing import Any

import numpy as np
import pytest

from ebm_tf import train_jem
from ebm_tf.config.joint import LabelledImages, SharpnessAware
from ebm_tf.config.overrides import override
from ebm_tf.errors import ConfigError, DataError, UserError
from ebm_tf.runtime import run_folders
from ebm_tf.runtime.learner import learn
from ebm_tf.store.models import load
from ebm_tf.store.releases.packing import pack
from tests.joint_runs import tiny_joint
from tests.runs import (
    assert_same_arrays,
    learn_here,
    run_here,
    saved_arrays,
    saved_steps,
)


def lines(folder: pathlib.Path, name: str = "metrics.jsonl") -> list[dict]:
    return [json.loads(line) for line in (folder / name).read_text().splitlines()]


def test_results_and_files(joint_digits_run):
    folder, results = joint_digits_run
    assert 0 <= results["test_accuracy"] <= 1
    assert results["num_test_images"] == 23 and results["num_samples"] == 20
    assert math.isfinite(results["frechet_pixels"])
    told = lines(folder)
    assert [line["step"] for line in told] == [4, 8]
    for line in told:
        difference = line["energy_data"] - line["energy_samples"]
        assert line["energy_difference"] == pytest.approx(difference, abs=1e-4)
        assert 0 <= line["natural_accuracy"] <= 1 and 0 <= line["unhealthy"] <= 1
        assert line["loss"] == pytest.approx(
            line["cross_entropy"] + 3.0 * line["energy_difference"], abs=1e-4
        )
    names = {path.name for path in (folder / "images").iterdir()}
    assert names == {
        "annealed_00000008.gif",
        "bank_00000001.png",
        "bank_00000004.png",
        "bank_00000008.png",
        "chains.gif",
        "data.png",
        "samples.png",
        "samples_00000001.png",
        "samples_00000004.png",
        "samples_00000008.png",
        "test_natural.png",
    }
    assert (folder / "plots" / "diagnosis.png").is_file()
    assert {path.name for path in (folder / "weights").iterdir()} >= {
        "classifier_00000008.weights.h5",
        "classifier_average_00000008.weights.h5",
        "classifier_selected.weights.h5",
    }
    json.dumps(results)


def test_the_chains_of_the_replay_buffer_have_classes(joint_digits_run):
    """Those of two replicas, 30 each."""
    integers = [
        value
        for value in saved_arrays(joint_digits_run[0]).values()
        if value.dtype == np.int32 and value.shape == (30,) and value.max() == 9
    ]
    counts = np.bincount(np.concatenate(integers), minlength=10)
    assert len(integers) == 2 and counts.tolist() == pytest.approx([6] * 10, abs=3)


@pytest.mark.slow
def test_a_stopped_run_ends_with_the_same_bits(joint_digits_run, tmp_path):
    folder, _ = learn_here(tiny_joint("conditional=True", "num_updates=4"), tmp_path)
    done = run_here("--resume", folder, "--set", "num_updates=8", executable=None)
    assert (done.code, done.err) == (0, ""), done
    assert_same_arrays(saved_arrays(folder), saved_arrays(joint_digits_run[0]))
    assert lines(folder) == lines(joint_digits_run[0])


def test_a_run_is_a_classifier_and_an_energy(joint_digits_run):
    model = load(str(joint_digits_run[0]))
    images = np.zeros([3, 8, 8, 1], np.float32)
    logits, energies = model.classifier(images), model.energy(images)
    np.testing.assert_allclose(
        energies, -np.log(np.exp(logits).sum(-1)), rtol=1e-4, atol=1e-5
    )


def test_a_release_of_the_selected_weights_says_what_was_measured_on_what(
    joint_digits_run, tmp_path
):
    pack(str(joint_digits_run[0]), str(tmp_path), only_best=True)
    with zipfile.ZipFile(tmp_path / "digits_jem.zip") as archive:
        names = archive.namelist()
        card = json.loads(archive.read("card.json"))
    weights = [name for name in names if name.startswith("weights/")]
    assert weights == ["weights/classifier_selected.weights.h5"]
    told = {figure["metric"]: figure for figure in card["figures"]}
    accuracy, distance = told["test_accuracy"], told["frechet_pixels"]
    assert accuracy["reference"] == "digits, split train[1437:1460]"
    assert accuracy["num_images"] == 23 and "num_samples" not in accuracy
    assert distance["reference"] == "digits, split train[:100]"
    assert (distance["num_samples"], distance["num_images"]) == (20, 100)


@pytest.mark.slow
def test_the_baseline_runs_no_chain(tmp_path):
    folder, results = learn_here(tiny_joint(name="digits_jem_baseline"), tmp_path)
    assert "frechet_pixels" not in results and "test_accuracy" in results
    assert set(lines(folder)[0]) == {
        "step",
        "loss",
        "cross_entropy",
        "natural_accuracy",
        "grad_norm",
    }
    names = {path.name for path in (folder / "images").iterdir()}
    assert names == {"data.png", "test_natural.png"}


@pytest.mark.slow
def test_divergence_is_survived_with_more_steps_and_a_lower_rate(tmp_path, monkeypatch):
    """A NaN is put in once, after the first checkpoint."""
    original, seen = train_jem.replicated, []

    def poisoned(replicas, step):
        run = original(replicas, step)

        def call(state, batch, seed):
            state, metrics, outputs = run(state, batch, seed)
            seen.append(metrics["loss"])
            if len(seen) == 6:
                metrics = metrics | {"loss": math.nan}
            return state, metrics, outputs

        return call

    monkeypatch.setattr(train_jem, "replicated", poisoned)
    config = tiny_joint()
    run = run_folders.create(str(tmp_path), config, 1_700_000_000)
    learner = train_jem.build(config)
    learned_steps = []
    told: Any = learner.task.on_rollbacks
    learner = dataclasses.replace(
        learner,
        task=learner.task._replace(
            on_rollbacks=lambda count: learned_steps.append(told(count).numpy())
        ),
    )
    results = learn(learner, run)
    assert results["num_updates"] == 8 and len(seen) == 6 + 4
    assert learned_steps[-1] == 10
    folder = pathlib.Path(run.folder)
    assert "loss is nan. Rolled back to update 4" in (folder / "log.txt").read_text()
    assert saved_steps(folder)[-1] == 8


HEAD = ["classifier.energy_head=True"]
BY_CLASS = ["conditional=True", "terms.joint=1.0"]
LABELLED = LabelledImages(batch=20)
FEW = dataclasses.replace(LABELLED, batch=40, per_class=3)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("replaced", "changes"),
    [
        pytest.param({"labelled": FEW}, [], id="semi"),
        pytest.param({"labelled": LABELLED}, [], id="apart"),
        pytest.param({}, [*BY_CLASS, "terms.marginal=0.0"], id="joint"),
        pytest.param({}, ["chains.start=class_gaussian"], id="gaussian"),
        pytest.param({}, ["terms.energy_l2=0.01"], id="l2"),
        pytest.param({}, [*HEAD, "classifier.dropout=0.2"], id="head"),
        pytest.param({"labelled": LABELLED}, ["classifier.norm=batch"], id="norm"),
        pytest.param({"sharpness_aware": SharpnessAware(rho=0.1)}, [], id="sharpness"),
    ],
)
def test_other_ways_to_learn(replaced, changes, tmp_path):
    config = override(dataclasses.replace(tiny_joint(), **replaced), changes)
    _, results = learn_here(config, tmp_path)
    assert math.isfinite(results["frechet_pixels"])


def test_it_is_described():
    told = list(train_jem.describe(tiny_joint()))
    assert told[0].startswith("classifier: small_cnn")
    assert any(line.startswith("bank: 60 chains") for line in told)
    assert any(line.startswith("validation: 20 images") for line in told)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("terms.joint=1", "conditional=True where terms.joint > 0"),
        ("terms.marginal=0", "Expected chains where"),
        ("terms.posterior=-1", "posterior=-1"),
        ("chains.bank_size=10", "bank_size=10"),
        ("chains.start=generator", "other than 'generator'"),
        ("validation_split=train[:50]", "share no images"),
        ("extra_steps=-1", "extra_steps=-1"),
        ("select_from=9", "select_from"),
    ],
)
def test_bad_settings(change, message):
    with pytest.raises(ConfigError, match=message):
        tiny_joint(change)


def test_a_buffer_with_fewer_chains_than_classes():
    with pytest.raises(ConfigError, match="one chain for each of 10 classes"):
        tiny_joint("conditional=True", "batch=4", "chains.bank_size=8")


def test_data_without_labels_or_with_too_few(tmp_path):
    own = tmp_path / "mine.py"
    own.write_text(
        "import numpy as np\n"
        "def images(split, directory):\n"
        "    return np.zeros([100, 8, 8, 1], np.uint8)\n"
    )
    splits = ["data.split=a", "validation_split=b", "test_split=c"]
    with pytest.raises(DataError, match="has no labels"):
        list(train_jem.describe(tiny_joint(f"data.name={own}:images", *splits)))
    labelled = LabelledImages(batch=20, per_class=11)
    few = dataclasses.replace(tiny_joint(), labelled=labelled)
    with pytest.raises(UserError, match="Expected 11 examples of each class"):
        next(train_jem.build(few).task.batches(0))
