"""Networks of one's own in place of weights, and those that runs have learned."""

import dataclasses
import pathlib
import shutil
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers

import ebm_tf
from configs.digits_nonconv import config as energy_learning
from configs.digits_sngan import config as generator_learning
from configs_attack.digits_classifier import config as attack
from configs_fid.digits_shortrun import config as shortrun
from ebm_tf.config.parts import GeneratorNetwork, Network
from ebm_tf.errors import ConfigError, UnnamedWeightsError, WeightsError
from ebm_tf.models.catalogue import build
from ebm_tf.runtime.files import sha256_of
from ebm_tf.runtime.run_folders import create, read_config
from ebm_tf.runtime.weight_files import save_weights
from ebm_tf.store.models import open_model
from ebm_tf.store.network_sources import (
    CLASSIFIER,
    ENERGY,
    GENERATOR,
    PRIOR,
    load_initial,
    network_sources,
)
from ebm_tf.store.provenance import provenance
from tests.runs import ROOT

IMAGES = np.random.default_rng(0).uniform(0, 1, [5, 8, 8, 1]).astype(np.float32)
EXAMPLES = str(ROOT / "examples" / "networks.py")


def saved(folder: pathlib.Path, *head: layers.Layer) -> str:
    path = str(folder / "theirs.keras")
    keras.Sequential([keras.Input((8, 8, 1)), layers.Flatten(), *head]).save(path)
    return path


def test_a_keras_file_stands_for_the_weights_of_a_classifier(tmp_path):
    path = saved(tmp_path, layers.Dense(10))
    network = dataclasses.replace(attack.classifier, pixel_range="0..1")
    config = dataclasses.replace(attack, classifier=network, weights=path)
    found = open_model(config, [CLASSIFIER], shared=config.weights)
    assert found.load() == found.files() == {CLASSIFIER: path}
    assert found.digests(None) == {"weights of the classifier": sha256_of(path)}
    model: Any = keras.saving.load_model(path)
    expected = model(IMAGES)
    np.testing.assert_allclose(found.classifier(IMAGES * 2 - 1), expected, atol=1e-5)
    said = provenance(config, found.sources)
    assert said.notes == [] and said.warnings == []


def test_of_a_function_the_file_is_compared_where_a_measurement_goes_on():
    config = dataclasses.replace(attack, weights=f"{EXAMPLES}:classifier")
    found = open_model(config, [CLASSIFIER], shared=config.weights)
    assert found.files() == {CLASSIFIER: f"{EXAMPLES}:classifier"}
    assert list(found.digests(None).values()) == [sha256_of(EXAMPLES)]


def test_a_network_in_place_of_weights_goes_to_one_role(tmp_path):
    path = saved(tmp_path, layers.Dense(1))
    config = dataclasses.replace(shortrun, prior=Network(), weights=path)
    assert network_sources(config, [ENERGY], shared=path)[ENERGY].settings.is_own
    with pytest.raises(WeightsError, match="to be the folder of a run; a file goes"):
        network_sources(config, [ENERGY, PRIOR], shared=path)


def test_a_file_begins_with_its_weights_and_a_function_with_fresh_ones(tmp_path):
    path = saved(tmp_path, layers.Dense(1))
    model = keras.Sequential()
    for network in (Network(weights=path), Network(architecture=path)):
        config = dataclasses.replace(energy_learning, energy=network)
        lines = list(load_initial(config, {ENERGY: model}, [ENERGY]))
        assert lines == [f"Weights of the energy: {path}"]
    network = Network(architecture=f"{EXAMPLES}:energy")
    config = dataclasses.replace(energy_learning, energy=network)
    assert list(load_initial(config, {ENERGY: model})) == []
    with pytest.raises(UnnamedWeightsError, match="does not learn, so it needs"):
        list(load_initial(config, {ENERGY: model}, [ENERGY]))


def run_of(folder: pathlib.Path, config, role: str) -> str:
    """A run with weights of a network of one's own, whose file is gone."""
    path = folder / "networks.py"
    shutil.copy(EXAMPLES, path)
    network = dataclasses.replace(
        getattr(config, role), architecture=f"{path}:{role}", weights=None
    )
    config = dataclasses.replace(config, **{role: network})
    run = create(str(folder), config, 1_700_000_000)
    data = config.data
    model = build(network, data.image_size, data.channels, "float32")
    save_weights(model, run.path("weights", f"{role}_average_00000001.weights.h5"))
    path.unlink()
    return run.folder


def test_an_energy_is_built_as_its_run_has_it(tmp_path):
    run = run_of(tmp_path, energy_learning, ENERGY)
    kept = f"{run}/own/networks.py:energy"
    config = dataclasses.replace(shortrun, weights=run)
    found = open_model(config, [ENERGY], shared=run, kind="averaged")
    assert found.sources[ENERGY].settings.architecture == kept
    assert found.networks[ENERGY].name == "networks_energy"
    found.load()
    model = ebm_tf.load(run, pixel_range="0..1")
    np.testing.assert_allclose(
        found.energy(IMAGES * 2 - 1), model.energy(IMAGES), rtol=1e-5
    )


def test_weights_of_a_network_of_ones_own_are_for_none_else(tmp_path):
    run = run_of(tmp_path, energy_learning, ENERGY)
    network = dataclasses.replace(energy_learning.energy, weights=run)
    config = dataclasses.replace(energy_learning, energy=network)
    with pytest.raises(WeightsError) as error:
        list(load_initial(config, {ENERGY: keras.Sequential()}))
    kept = read_config(run).energy.architecture  # type: ignore[attr-defined]
    assert f"--set energy.architecture={kept}." in str(error.value)


def test_pixels_are_those_that_the_weights_learned_from(tmp_path):
    run = run_of(tmp_path, energy_learning, ENERGY)
    network = dataclasses.replace(
        energy_learning.energy,
        architecture=f"{run}/own/networks.py:energy",
        pixel_range="0..1",
        weights=run,
    )
    config = dataclasses.replace(energy_learning, energy=network)
    with pytest.raises(WeightsError, match="are for pixel_range=-1..1, but energy.pix"):
        list(load_initial(config, {ENERGY: keras.Sequential()}))


def test_latents_are_those_that_a_generator_learned_from(tmp_path):
    smaller = dataclasses.replace(generator_learning.generator, latent_size=6)
    learning = dataclasses.replace(generator_learning, generator=smaller)
    run = run_of(tmp_path, learning, GENERATOR)
    config = dataclasses.replace(
        shortrun, generator=GeneratorNetwork(latent_size=9), start="generator"
    )
    with pytest.raises(ConfigError, match="--set generator.latent_size=6"):
        network_sources(config, [GENERATOR], shared=run)


OWN = ebm_tf.OwnNetwork


@pytest.mark.parametrize(
    ("function", "sizes", "role"),
    [
        ("energy", {}, ENERGY),
        ("classifier", {"num_classes": 3}, CLASSIFIER),
        ("generator", {"latent_size": 5}, GENERATOR),
    ],
)
def test_a_function_makes_what_its_sizes_say(function, sizes, role):
    how = OWN(image_size=8, channels=1, **sizes)
    model = ebm_tf.load(f"{EXAMPLES}:{function}", network=how)
    assert list(model.networks.networks) == [role]
    assert model.image_shape == (8, 8, 1)


def in_hand(*layers_of: layers.Layer, shape=(8, 8, 1)) -> keras.Model:
    return keras.Sequential([keras.Input(shape), *layers_of])


def test_a_model_in_hand_stays_as_it_is():
    dense = layers.Dense(3, activation="softmax")
    model = in_hand(layers.Flatten(), layers.Dropout(0.5), dense)
    before = model(IMAGES).numpy()
    found = ebm_tf.load(model, pixel_range="0..1")
    np.testing.assert_allclose(found.classify(IMAGES), before, atol=1e-6)
    logits = found.logits(IMAGES)
    energies = -np.log(np.exp(logits).sum(1))
    np.testing.assert_allclose(found.energy(IMAGES), energies, rtol=1e-5)
    np.testing.assert_array_equal(model(IMAGES), before)
    model(IMAGES, training=True)  # draws as before
    dense.set_weights([0.0 * weight for weight in dense.get_weights()])
    np.testing.assert_array_equal(found.logits(IMAGES), logits)


@pytest.mark.parametrize(
    ("make", "how", "message"),
    [
        (
            lambda: in_hand(layers.Conv2D(1, 3), layers.GlobalMaxPool2D()),
            OWN(image_size=9),
            "Expected image_size=9 to be 8 for",
        ),
        (
            lambda: in_hand(layers.GlobalMaxPool2D(), shape=(None, None, 1)),
            OWN(),
            "Expected image_size in `network`",
        ),
        (lambda: in_hand(layers.Flatten(), shape=(8, 9, 1)), OWN(), "for squares, got"),
        (lambda: in_hand(layers.Dense(1), shape=(7,)), OWN(), "take or to give images"),
        (keras.Sequential, OWN(), "a model of Keras that knows its shapes"),
        (
            lambda: in_hand(layers.Flatten(), layers.Dense(4)),
            OWN(num_classes=3),
            "Expected num_classes=3 to be 4 for",
        ),
    ],
)
def test_what_a_model_cannot_be_is_told(make, how, message):
    with pytest.raises(ConfigError, match=message):
        ebm_tf.load(make(), network=how)


def test_what_is_said_of_others_networks_is_refused():
    with pytest.raises(ConfigError, match="network=None for release:digits_nonconv"):
        ebm_tf.load("release:digits_nonconv", network=OWN())
    with pytest.raises(ConfigError, match="the image_size that .* called with"):
        ebm_tf.load(f"{EXAMPLES}:energy")
