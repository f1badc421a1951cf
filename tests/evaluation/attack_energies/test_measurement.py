"""Energies under attack: masks, devices, files of batches, what is refused."""

import dataclasses
import pathlib

import keras
import numpy as np
import pytest

from ebm_tf.config.analysis import Analysis
from ebm_tf.config.attack_energies import AttackEnergies
from ebm_tf.config.attacks import Ball
from ebm_tf.config.classifier import ClassifierNetwork, PretrainedClassifier
from ebm_tf.config.parts import Data
from ebm_tf.errors import ConfigError
from ebm_tf.evaluation.attack_energies import measurement
from ebm_tf.evaluation.attack_energies.figures import ARRAYS
from ebm_tf.evaluation.attack_energies.measurement import open_study
from ebm_tf.runtime.distribution import Replicas
from ebm_tf.runtime.files import load_arrays
from ebm_tf.runtime.workspace import Workspace
from ebm_tf.store.models import LoadedModel
from ebm_tf.store.network_sources import CLASSIFIER, NetworkSource
from tests.runs import assert_same_arrays

COUNT = 14
IMAGES = np.random.default_rng(0).uniform(-0.6, 0.6, [COUNT, 4, 4, 1])
IMAGES = IMAGES.astype(np.float32)
NAMED = PretrainedClassifier(name="tiny", image_size=4, pixel_range="-1..1")
CONFIG = Analysis(
    name="tiny",
    data=Data(name="digits", image_size=4, channels=1, split="train[:10]"),
    validation_split="train[10:20]",
    test_split="train[20:]",
    classifier=NAMED,
    attacks=AttackEnergies(
        attacks=("pgd", "square"), ball=Ball(epsilon=25.5), num_steps=3, num_queries=5
    ),
    num_draws=50,
    batch=8,
)


def tiny(settings: ClassifierNetwork | PretrainedClassifier = NAMED) -> LoadedModel:
    """A linear classifier; its gaps of logits are about as wide as the ball."""
    layers = [keras.Input([4, 4, 1]), keras.layers.Flatten()]
    model = keras.Sequential([*layers, keras.layers.Dense(4)])
    weights = np.random.default_rng(1).normal(size=[16, 4])
    model.set_weights([weights, np.zeros(4)])
    source = NetworkSource(CLASSIFIER, settings, None, CLASSIFIER, "best")
    return LoadedModel({CLASSIFIER: source}, {CLASSIFIER: model})


def measured(folder: pathlib.Path, strategy, batch: int):
    """The figures, the arrays and the labels; every third label is wrong."""
    replicas = Replicas(strategy, jit=False)
    with strategy.scope():
        model = tiny()
    labels = model.classifier(IMAGES).numpy().argmax(1)
    labels = np.where(np.arange(COUNT) % 3, labels, (labels + 1) % 4)
    config = dataclasses.replace(CONFIG, batch=batch)
    study = open_study(config, model, replicas)
    assert study is not None
    results, warnings = measurement.measure(
        study, IMAGES, labels, Workspace(str(folder))
    )
    assert warnings == []
    return results, load_arrays(str(folder / ARRAYS)), labels


@pytest.fixture(scope="module")
def one(tmp_path_factory, one_replica):
    folder = tmp_path_factory.mktemp("one")
    return folder, *measured(folder, one_replica, batch=4)


def test_masks_agree_with_predictions(one):
    _, results, arrays, labels = one
    natural = arrays["natural/logits"].argmax(1) != labels
    np.testing.assert_array_equal(arrays["natural/wrong"], natural)
    assert results["natural_accuracy"] == pytest.approx(1 - natural.mean())
    worst = natural
    for name in ("pgd", "square"):
        wrong = arrays[f"{name}/logits"].argmax(1) != labels
        np.testing.assert_array_equal(arrays[f"{name}/wrong"], wrong)
        np.testing.assert_array_equal(arrays[f"{name}/fooled"], wrong & ~natural)
        row = results["by_attack"][name]
        assert row["num_fooled"] == (wrong & ~natural).sum()
        assert row["accuracy"] == pytest.approx(1 - (wrong | natural).mean())
        assert row["all"]["num_images"] == COUNT and row["num_not_finite"] == 0
        worst = worst | wrong
    assert 0 < results["by_attack"]["pgd"]["num_fooled"]
    assert results["worst_case"]["attacks"] == ["pgd", "square"]
    assert results["worst_case"]["accuracy"] == pytest.approx(1 - worst.mean())
    assert results["classifier"] == "tiny"


def test_figures_are_those_of_the_arrays(one):
    _, results, arrays, labels = one
    for name in ("pgd", "square"):
        logits = arrays[f"{name}/logits"].astype(np.float64)
        marginal = -np.log(np.exp(logits).sum(1))
        np.testing.assert_allclose(arrays[f"{name}/marginal"], marginal)
        joint = -logits[np.arange(COUNT), labels]
        np.testing.assert_allclose(arrays[f"{name}/joint"], joint)
        delta = arrays["natural/joint"] - joint
        found = results["by_attack"][name]["all"]
        assert found["delta_joint"]["mean"] == pytest.approx(delta.mean())
        assert found["attacked_marginal"]["mean"] == pytest.approx(marginal.mean())
        assert np.all(arrays[f"{name}/linf"] <= 25.5 * (1 + 1e-5))
    # Square leaves alone what is wrong as it is, PGD does not.
    natural = arrays["natural/wrong"]
    assert np.all(arrays["square/l2"][natural] == 0)
    assert np.all(arrays["pgd/l2"] > 0)


def test_two_devices_give_what_one_gives_that_takes_their_parts_in_turns(
    one, two_replicas, tmp_path
):
    _, results, arrays, _ = one
    same, others, _ = measured(tmp_path, two_replicas, batch=8)
    assert same["by_attack"] == results["by_attack"]
    assert_same_arrays(others, arrays)


def test_batches_that_were_done_are_read(one, one_replica, monkeypatch):
    folder, results, arrays, _ = one

    def fails(*_):
        raise AssertionError("attacked again")

    monkeypatch.setattr(measurement, "attacked_rows", lambda *_: fails)
    same, others, _ = measured(folder, one_replica, batch=4)
    assert same == results
    assert_same_arrays(others, arrays)


def test_a_picture_is_kept(one):
    assert (one[0] / "plots" / "attack_energies.png").exists()


def test_energies_of_a_head_are_refused(one_replica):
    network = ClassifierNetwork(architecture="small_cnn", energy_head=True)
    replicas = Replicas(one_replica, jit=False)
    with pytest.raises(ConfigError, match="classifier.energy_head=False"):
        open_study(CONFIG, tiny(network), replicas)
