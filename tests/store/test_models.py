"""Networks of runs and files open, and what they then are."""

import dataclasses

import numpy as np
import pytest

from configs.digits_clean import config as clean
from configs_fid.digits_shortrun import config as shortrun
from ebm_tf.errors import ConfigError, WeightsError
from ebm_tf.models.catalogue import build
from ebm_tf.models.ebm import marginal_energy
from ebm_tf.runtime.weight_files import save_weights, weights_name
from ebm_tf.store.models import LoadedModel, load, open_model
from ebm_tf.store.network_sources import CLASSIFIER, ENERGY
from tests.store.small_weights import classifier_of, network, run_of, same


def test_a_classifier_is_an_energy(tmp_path):
    small = dataclasses.replace(clean.classifier, width=7)
    source = run_of(tmp_path, dataclasses.replace(clean, classifier=small))
    config = dataclasses.replace(shortrun, weights=source)
    model = open_model(config, [ENERGY], shared=source)
    found = model.sources[ENERGY]
    assert found.role_there == CLASSIFIER and found.settings == small
    assert model.ebm.energy.output_shape == (None, 1)
    save_weights(
        classifier_of(source),
        f"{source}/weights/{weights_name(CLASSIFIER, 3, kind='averaged')}",
    )
    assert model.load()[ENERGY].endswith("classifier_average_00000003.weights.h5")


def test_the_energy_of_an_energy_head_is_not_that_of_the_logits():
    settings = dataclasses.replace(clean.classifier, energy_head=True)
    classifier = build(settings, 8, 1, "float32")
    images = np.linspace(-1, 1, 2 * 64, dtype=np.float32).reshape(2, 8, 8, 1)
    energy = LoadedModel({}, {CLASSIFIER: classifier}).energy(images)
    expected = marginal_energy(classifier)(images)[:, 0]
    np.testing.assert_array_equal(energy, expected)
    logits = classifier(images).numpy()
    assert np.abs(energy + np.log(np.exp(logits).sum(axis=1))).min() > 0.1


def test_a_run_opens_without_a_config_of_ones_own():
    """What was learned as a classifier is one, and an energy; so is its weight file."""
    clf = load("release:digits_clean")
    images = np.linspace(-1, 1, 2 * 64, dtype=np.float32).reshape(2, 8, 8, 1)
    logits = clf.classifier(images).numpy()
    marginal = np.log(np.exp(logits).sum(axis=1))
    np.testing.assert_allclose(clf.energy(images), -marginal, rtol=1e-5)
    assert clf.data == clean.data
    of_file = load(clf.files()[CLASSIFIER])
    np.testing.assert_array_equal(of_file.classifier(images), logits)
    with pytest.raises(ConfigError, match="Expected a model with a generator"):
        clf.generator(images)


def test_an_energy_opens_as_fid_samples_it():
    source = "release:digits_nonconv"
    opened = load(source)
    sampled = open_model(shortrun, [ENERGY], shared=source)
    assert sampled.load() == opened.files()
    assert same(sampled.networks[ENERGY], opened.networks[ENERGY])


@pytest.mark.parametrize("alone", [True, False])
def test_what_holds_no_run_does_not_open(alone, tmp_path):
    if alone:
        path = str(tmp_path / "x.weights.h5")
        save_weights(network(0), path)
    else:
        path = run_of(tmp_path, shortrun)
    with pytest.raises(WeightsError, match="Expected .* of a run that learned"):
        load(path)
