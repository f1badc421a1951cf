"""The bundled models are undamaged, and worth what their cards say."""

import dataclasses
import json
import os
import pathlib
import shlex

import numpy as np
import pytest

from ebm_tf.config import core
from ebm_tf.config.classification import ClassifierTraining
from ebm_tf.data.datasets import open_source
from ebm_tf.data.pipelines import load_images
from ebm_tf.models.catalogue import build
from ebm_tf.store.releases.archives import digest_of, read_card, verified
from ebm_tf.store.releases.index import BUNDLED_FOLDER, read_index
from tests import runs
from tests.store.small_weights import weights_into

ENTRIES = list(read_index(BUNDLED_FOLDER).values())


def test_there_is_one_of_every_kind():
    names = {entry.name for entry in ENTRIES}
    energies = {f"digits_{kind}" for kind in ("nonconv", "medconv", "prior", "conv")}
    others = {"digits_sngan", "digits_clean", "digits_weat_adv", "mnist_nonconv"}
    assert names >= energies | others


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.name)
def test_an_archive_is_small_whole_and_says_how_it_was_made(entry):
    path = os.path.join(BUNDLED_FOLDER, entry.file)
    assert digest_of(path) == entry.sha256
    assert os.path.getsize(path) == entry.bytes <= 3_000_000
    card = verified(path)
    assert card["name"] == entry.name and card["figures"] and card["licence"]
    assert f" configs/{entry.name}.py" in card["command"]
    assert all(measured["command"] for measured in card["measurements"].values())


def test_a_classifier_is_as_right_as_its_card_says(tmp_path, monkeypatch):
    monkeypatch.setenv("EBM_TF_RELEASES", str(tmp_path))
    config = core.load(str(runs.ROOT / "configs" / "digits_clean.py"))
    assert isinstance(config, ClassifierTraining)
    model = build(config.classifier, 8, 1, "float32")
    weights_into("release:digits_clean", model, "classifier")
    data = dataclasses.replace(config.data, split=config.test_split)
    images, labels = load_images(open_source(data), data)
    right = np.argmax(model(images, training=False), 1) == labels
    card = read_card(os.path.join(BUNDLED_FOLDER, "digits_clean.zip"))
    figures = {figure["metric"]: figure["value"] for figure in card["figures"]}
    # One image of 360 may lie on a boundary.
    assert np.mean(right) == pytest.approx(figures["test_accuracy"], abs=0.003)


@pytest.mark.slow
def test_a_card_s_own_command_gives_its_figure(tmp_path):
    card = read_card(os.path.join(BUNDLED_FOLDER, "digits_nonconv.zip"))
    command = card["measurements"]["fid digits_shortrun"]["command"]
    _, program, *arguments = shlex.split(command)
    done = runs.run_program(
        *arguments,
        "--output",
        tmp_path / "runs",
        program=[program],
        cwd=runs.ROOT,
        env={"EBM_TF_RELEASES": str(tmp_path / "unpacked")},
    )
    assert (done.code, done.err) == (0, ""), done
    results = json.loads(pathlib.Path(done.folder, "results.json").read_text())
    (reported,) = (
        figure["value"]
        for figure in card["figures"]
        if figure["metric"] == "frechet_pixels" and figure.get("features") == "pixels"
    )
    # Other processors round otherwise, which a hundred steps make visible.
    assert results["frechet_pixels"] == pytest.approx(reported, rel=0.05)
    assert results["num_samples"] == 1000
