"""Whole runs of a classifier: what they leave, and that a stop changes nothing."""

import dataclasses
import json
import pathlib

import numpy as np
import pytest

from ebm_tf import train_clf
from ebm_tf.config import core
from ebm_tf.config.classification import ClassifierTraining
from ebm_tf.config.overrides import override
from ebm_tf.errors import ConfigError, DataError, WeightsError
from ebm_tf.models.catalogue import build
from ebm_tf.runtime import run_folders
from ebm_tf.runtime.workspace import Workspace
from ebm_tf.store.sources import find
from tests.runs import (
    ROOT,
    assert_same_arrays,
    assert_same_run,
    learn_here,
    run_here,
    saved_arrays,
    saved_steps,
    weights,
)
from tests.slow import slow
from tests.store.small_weights import weights_into

CLEAN = ROOT / "configs" / "digits_clean.py"
TINY = [
    "num_updates=10",
    "validate_every=3",
    "select_from=3",
    "save_every=4",
    "log_every=5",
    "batch=20",
    "data.split=train[:60]",
    "validation_split=train[1197:1223]",
    "test_split=train[1437:1460]",
    "evaluation_batch=10",
    "classifier.width=4",
    "classifier.depth=2",
    "attack.num_steps=2",
    "evaluation_attack.num_steps=2",
    "optimizer.learning_rate=0.05",
    "optimizer.momentum=0.9",
    "optimizer.average_decay=0.5",
]


def tiny(*changes: str, name: str = "digits_weat_adv") -> ClassifierTraining:
    config = core.load(str(ROOT / "configs" / f"{name}.py"))
    return override(config, [*TINY, *changes])


def lines(folder: pathlib.Path, name: str = "validation.jsonl") -> list[dict]:
    return [json.loads(line) for line in (folder / name).read_text().splitlines()]


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> tuple[pathlib.Path, dict]:
    """A run that never stopped."""
    return learn_here(tiny(), tmp_path_factory.mktemp("whole"))


def test_results_and_files(whole):
    folder, results = whole
    assert results["num_updates"] == 10 and results["num_images"] == 23
    assert 0 <= results["pgd2_accuracy"] <= results["test_accuracy"] <= 1
    for name in ("test_accuracy", "pgd2_accuracy"):
        low, high = results[f"{name}_interval"]
        assert 0 <= low <= results[name] <= high <= 1 and high - low > 0.1
    assert results["evaluation_attack"]["num_steps"] == 2
    assert results["weights"] == "weights/classifier_selected.weights.h5"
    assert (folder / results["weights"]).is_file()
    assert (folder / "plots" / "training_curves.png").is_file()
    assert {path.name for path in (folder / "images").iterdir()} == {
        "test_natural.png",
        "test_attacked.png",
    }
    assert len(lines(folder, "metrics.jsonl")) == 2
    assert saved_steps(folder) == [4, 8, 10]
    json.dumps(results)


def test_lines_of_the_training_curves(whole):
    folder, results = whole
    told = lines(folder)
    assert [line["step"] for line in told] == [3, 6, 9, 10]
    assert [line["epoch"] for line in told] == [1, 2, 3, pytest.approx(10 / 3)]
    for line in told:
        for part in ("train", "validation"):
            assert line[f"{part}_natural_error"] <= line[f"{part}_robust_error"]
            assert 0 < line[f"{part}_weight_mean"] < 1.4427
            for name in ("marginal", "joint", "delta_marginal", "delta_joint"):
                values = [line[f"{part}_{name}_{q:02d}"] for q in (5, 25, 50, 75, 95)]
                assert values == sorted(values)
                assert values[0] <= line[f"{part}_{name}_mean"] <= values[-1]
    best = min(told, key=lambda line: [line[f"validation_{e}_error"] for e in KINDS])
    assert results["selected_update"] == best["step"]
    assert results["validation_accuracy"] == 1 - best["validation_natural_error"]


KINDS = ("robust", "natural")


def test_a_run_folder_means_its_selected_weights(whole):
    folder, results = whole
    path = find(str(folder)).file("classifier")
    assert path.endswith(results["weights"])
    model = build(tiny().classifier, 8, 1, "float32")
    weights_into(str(folder), model, "classifier")
    kept = saved_arrays(folder)
    for index, variable in enumerate(model.variables):
        np.testing.assert_array_equal(
            variable.numpy(), kept[f"classifier_selected/{index}"]
        )


class Killed(Exception):  # noqa: N818
    """Stands for a kill: nothing in the program catches it."""


@pytest.mark.parametrize(
    "moment", [slow("in a line"), slow("after the line"), slow("after the weights")]
)
def test_a_killed_run_ends_as_if_it_had_not_been(whole, tmp_path, monkeypatch, moment):
    """Between checkpoints 4 and 8: the measurement of update 6 is lost and made."""
    config = tiny()
    run = run_folders.create(str(tmp_path), config, 1_700_000_000)
    original = Workspace.append_metrics

    def append(self, step, values, *, name="metrics.jsonl"):
        original(self, step, values, name=name)
        if name == "validation.jsonl" and step == 6 and moment != "after the weights":
            if moment == "in a line":
                path = pathlib.Path(self.folder) / name
                path.write_text(path.read_text()[:-30])
            raise Killed

    def log(self, message):
        if moment == "after the weights" and message.startswith("epoch 2:"):
            raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(Workspace, "append_metrics", append)
        patched.setattr(Workspace, "log", log)
        with pytest.raises(Killed):
            train_clf.run(config, run)
    folder = pathlib.Path(run.folder)
    assert saved_steps(folder) == [0, 4]
    assert not (folder / "results.json").exists()
    run.write_results(train_clf.run(config, run))
    assert_same_run(folder, whole[0])
    assert lines(folder) == lines(whole[0])


def test_the_command_line_and_a_clean_classifier(tmp_path):
    given = [word for word in TINY if not word.startswith("attack.")]
    given += ["select_from=10", "num_validation=20"]
    changes = [word for change in given for word in ("--set", change)]
    where = ["--output", tmp_path, "--device", "cpu"]
    dry = run_here(CLEAN, *changes, *where, "--dry_run", executable="train_clf")
    assert dry.code == 0 and not list(tmp_path.iterdir())
    for line in (
        "epoch: 3 updates, of 10; measured every 3, saved every 4",
        "data: 60 images of digits, train[:60], scikit-learn",
        "validation: 20 images of digits, train[1197:1223], scikit-learn",
        "test: 23 images of digits, train[1437:1460], scikit-learn",
    ):
        assert line in dry.out.splitlines()
    done = run_here(CLEAN, *changes, *where, executable="train_clf")
    assert (done.code, done.err) == (0, "")
    folder = done.folder
    told = json.loads((folder / "results.json").read_text())
    assert told["name"] == "digits_clean" and told["selected_update"] == 10
    # Of the last update: what is selected are the averages.
    assert_same_arrays(
        weights(folder / told["weights"]),
        weights(folder / "weights" / "classifier_average_00000010.weights.h5"),
    )
    assert set(lines(folder, "metrics.jsonl")[0]) == {
        *("step", "loss", "natural_accuracy", "weight", "positive_share", "grad_norm")
    }
    wrong = run_here(CLEAN, *changes, *where, executable="train")
    assert wrong.code == 2 and "run python3 ebm_tf/train_clf.py" in wrong.err
    again = run_here("--resume", folder, executable="train_clf")
    assert again.code == 2 and "is finished" in again.err


@pytest.mark.slow
@pytest.mark.parametrize("name", ["digits_sat", "digits_mart", "digits_mail_trades"])
def test_other_objectives_learn(name, tmp_path):
    changes = ["num_updates=2", "validate_every=1", "select_from=0", "num_test=10"]
    config = tiny(*changes, name=name)
    folder, results = learn_here(config, tmp_path)
    assert results["num_images"] == 10
    arrays = saved_arrays(folder, 2)
    begun = saved_arrays(folder, 0)
    assert not np.array_equal(arrays["classifier/0"], begun["classifier/0"])
    assert all(np.isfinite(values).all() for values in arrays["history"])


def test_weights_to_begin_with(whole):
    learner = train_clf.build(tiny(f"classifier.weights={whole[0]}"))
    (line,) = learner.initial_weights()
    assert line.endswith("weights/classifier_selected.weights.h5")
    np.testing.assert_array_equal(
        learner.networks["classifier"].variables[0].numpy(),
        saved_arrays(whole[0])["classifier_selected/0"],
    )


def test_bad_input(tmp_path):
    for change, error, message in [
        ("validation_split=train[9000:]", DataError, "has no examples"),
        ("test_split=none", DataError, "no split 'none'"),
        ("classifier.num_classes=7", DataError, "num_classes=7"),
        ("classifier.weights=/none", WeightsError, "/none"),
        ("evaluation_batch=11", ConfigError, "divisible"),
        ("classifier.architecture=none", ConfigError, "'none'"),
    ]:
        with pytest.raises(error, match=message):
            learn_here(tiny(change), tmp_path / change.replace("/", ""))
    with pytest.raises(DataError, match="num_classes=7"):  # a dry run tells it too
        list(train_clf.describe(tiny("classifier.num_classes=7")))


@pytest.mark.slow
def test_bfloat16_learns(tmp_path):
    config = dataclasses.replace(tiny("num_updates=3"), compute_dtype="bfloat16")
    folder, _ = learn_here(config, tmp_path)
    arrays = saved_arrays(folder, 3)
    assert arrays["classifier/0"].dtype == np.float32
    assert np.isfinite(arrays["history"]).all()
