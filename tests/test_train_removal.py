"""Whole runs that leave images out by their energies."""

import pathlib

import numpy as np
import pytest

from ebm_tf import train_clf
from ebm_tf.config.classification import ClassifierTraining
from ebm_tf.errors import DataError, UnnamedWeightsError, WeightsError
from ebm_tf.runtime import run_folders
from ebm_tf.runtime.workspace import Workspace
from tests.runs import ROOT, assert_same_run, learn_here, run_here, saved_steps
from tests.test_train_clf import Killed, tiny

REMOVAL = ROOT / "configs" / "digits_removal.py"


def removing(*changes: str) -> ClassifierTraining:
    smaller = "classifier.width=None", "classifier.depth=None"
    return tiny(*smaller, *changes, name="digits_removal")


def test_what_is_left_out_is_not_learned_from():
    learner = train_clf.build(removing())
    (line,) = [note for note in learner.notes() if note.startswith("removed: ")]
    number = int(line.split()[1])
    lines = list(learner.open_data(few=True))
    assert 0 < number < 20 and f"data: {60 - number} images of digits" in lines[1]


@pytest.mark.slow
def test_a_killed_run_goes_on_without_the_classifier_that_judged(tmp_path, monkeypatch):
    """It is in the run's own folder what is left out."""
    whole, results = learn_here(removing(), tmp_path / "whole")
    told = results["removal"]
    assert told["num_removed"] == sum(told["num_removed_by_class"])
    with np.load(whole / "removal.npz") as stored:
        assert stored["removed"].sum() == told["num_removed"]
        right = stored["predictions"] == stored["labels"]
        assert right[stored["removed"]].all()
        assert stored["energies"][stored["removed"]].min() > stored["threshold"]
    config = removing()
    run = run_folders.create(str(tmp_path / "killed"), config, 1_700_000_000)
    original = Workspace.append_metrics

    def append(self, step, values, *, name="metrics.jsonl"):
        if name == "validation.jsonl" and step == 6:
            raise Killed
        original(self, step, values, name=name)

    with monkeypatch.context() as patched:
        patched.setattr(Workspace, "append_metrics", append)
        with pytest.raises(Killed):
            train_clf.run(config, run)
    assert saved_steps(pathlib.Path(run.folder)) == [0, 4]
    gone = "ebm_tf.evaluation.removal.open_model"
    monkeypatch.setattr(gone, lambda *_, **__: pytest.fail("judged again"))
    run.write_results(train_clf.run(config, run))
    assert_same_run(pathlib.Path(run.folder), whole)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ("removal.weights=None", UnnamedWeightsError, "--set removal.weights=RUN"),
        ("removal.weights=/none", WeightsError, "No weights at /none"),
        ("removal.quantile=0.001", DataError, "Removal leaves .* of 60 images, fewer"),
    ],
)
def test_bad_input(change, error, message):
    learner = train_clf.build(removing(change, "removal.only_correct=False"))
    with pytest.raises(error, match=message):
        list(learner.open_data(few=True))


def test_a_dry_run_without_weights_says_what_is_missing(tmp_path):
    where = ["--output", tmp_path, "--dry_run", "--set", "removal.weights=None"]
    done = run_here(REMOVAL, *where, executable="train_clf")
    assert done.code == 0 and "missing: digits_removal removes images" in done.out
