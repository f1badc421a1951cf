"""Networks of experiments are found where settings say, or an error says why not."""

import dataclasses
import json
import pathlib

import pytest

from configs.digits_clean import config as clean
from configs.digits_medconv import config as medconv
from configs.digits_nonconv import config as shortrun_learning
from configs.digits_sngan import config as sngan
from configs_attack.digits import config as attack
from configs_fid.digits_shortrun import config as shortrun
from ebm_tf.config.kinds import to_json
from ebm_tf.config.parts import Network
from ebm_tf.errors import ConfigError, WeightsError
from ebm_tf.models.ebm import build_energy
from ebm_tf.runtime.weight_files import save_weights, weights_name
from ebm_tf.store.network_sources import (
    CLASSIFIER,
    ENERGY,
    GENERATOR,
    load_initial,
    network_sources,
)
from ebm_tf.store.provenance import Provenance, provenance
from tests.store.small_weights import classifier_of, network, run_of, same


def seen(folder, split: str) -> list[str]:
    """What an attack says of an energy that was learned from a split."""
    data = dataclasses.replace(medconv.data, split=split)
    source = run_of(folder, dataclasses.replace(medconv, data=data))
    config = dataclasses.replace(attack, weights=source)
    return provenance(config, network_sources(config, [ENERGY], shared=source)).warnings


def of_classifier(network, source: str, data=clean.data) -> tuple:
    """Its settings, and what there is to say of it."""
    config = dataclasses.replace(
        attack, data=data, classifier=dataclasses.replace(network, weights=source)
    )
    sources = network_sources(config, [CLASSIFIER])
    return sources[CLASSIFIER].settings, provenance(config, sources)


def test_an_energy_that_saw_the_attacked_images_is_a_warning(tmp_path):
    assert "looks better than it is" in seen(tmp_path, "train")[0]
    assert seen(tmp_path, "train[:1438]") and seen(tmp_path, "all")
    assert not seen(tmp_path, "train[:1437]")
    (warning,) = seen(tmp_path, "train[:80%]")
    assert "may share" in warning and "may look better" in warning


def test_a_run_without_an_energy_is_an_error(tmp_path):
    config = dataclasses.replace(attack, weights=run_of(tmp_path, sngan))
    with pytest.raises(ConfigError, match="train_gen.py and did not learn an energy"):
        network_sources(config, [ENERGY], shared=config.weights)


def test_weights_bring_the_network_of_their_run(tmp_path):
    small = dataclasses.replace(clean.classifier, width=7)
    learned = run_of(tmp_path, dataclasses.replace(clean, classifier=small))
    file = f"{learned}/weights/classifier_selected.weights.h5"
    other = tmp_path / "x.weights.h5"
    for path in (file, other):
        save_weights(classifier_of(learned), str(path))
    for source in (learned, file):
        assert of_classifier(clean.classifier, source)[0] == small
    settings, said = of_classifier(clean.classifier, str(other))
    assert settings.width == clean.classifier.width and said == Provenance([], [])


def test_a_classifier_is_of_a_run_that_learned_one_of_such_images(tmp_path):
    energy = run_of(tmp_path, medconv)
    with pytest.raises(ConfigError, match="train.py and did not learn a classifier"):
        of_classifier(clean.classifier, energy)
    larger = dataclasses.replace(clean.data, image_size=16)
    with pytest.raises(ConfigError, match="8 pixels .* data.image_size=16"):
        of_classifier(clean.classifier, run_of(tmp_path, clean), larger)


def test_settings_that_the_run_of_a_classifier_replaces_are_notes(tmp_path):
    source = run_of(tmp_path, clean)
    assert of_classifier(clean.classifier, source)[1].notes == []
    other = dataclasses.replace(clean.classifier, num_classes=7)
    (note,) = of_classifier(other, source)[1].notes
    assert note == "classifier.num_classes is that of the run which learned it"


def test_a_classifier_that_saw_the_attacked_images_is_a_warning(tmp_path):
    source = run_of(tmp_path, clean)

    def warnings(split: str) -> list[str]:
        data = dataclasses.replace(clean.data, split=split)
        return of_classifier(clean.classifier, source, data)[1].warnings

    assert warnings("train[1437:]") == []
    (warning,) = warnings("train[:100]")
    assert "shares images" in warning
    assert warning.endswith("the classifier looks better than it is.")


def test_a_prior_is_what_was_an_energy(run):
    """Also in a run that itself has a prior, which is another network."""
    save_weights(network(7), str(run / "weights" / "prior.weights.h5"))
    models = {"energy": network(0), "prior": network(1)}
    config = dataclasses.replace(
        medconv, energy=Network(), prior=Network(weights=str(run))
    )
    lines = list(load_initial(config, models, {"prior"}))
    path = run / "weights" / "energy_average_00010000.weights.h5"
    assert lines == [f"Weights of the prior: {path}"]
    assert same(models["prior"], network(10_001))
    assert same(models["energy"], network(0)), "it begins as it is"


def test_a_network_that_does_not_learn_needs_weights():
    models = {"energy": network(0), "prior": network(1)}
    config = dataclasses.replace(medconv, energy=Network(), prior=Network())
    with pytest.raises(WeightsError) as error:
        list(load_initial(config, models, {"prior"}))
    assert str(error.value) == (
        "The prior of digits_medconv does not learn, so it needs weights: --set "
        "prior.weights=FILE_OR_RUN."
    )


@pytest.mark.parametrize("file", ["config.json", "energy_settings.json"])
def test_settings_that_no_shape_depends_on_are_those_of_the_weights(run, file):
    """An activation of which the weights know nothing would pass without a word."""
    made = {"activation": "silu", "width": 4}
    content = {"network": made}
    if file == "config.json":
        learned = dataclasses.replace(medconv, energy=Network(**made))
        content = json.loads(to_json(learned))
    (run / file).write_text(json.dumps(content))
    here = Network(weights=str(run), width=4)
    models, config = {"energy": network(0)}, dataclasses.replace(medconv, energy=here)
    with pytest.raises(WeightsError, match="--set energy.activation=silu") as error:
        list(load_initial(config, models))
    assert "are for activation=silu, but energy.activation=relu" in str(error.value)
    silu = dataclasses.replace(here, activation="silu")
    assert list(load_initial(dataclasses.replace(config, energy=silu), models))


@pytest.mark.parametrize("knows", [True, False])
def test_weights_beside_a_normalisation_are_not_those_of_a_network_without(
    knows, tmp_path
):
    """Keras loads them, and ignores the scales; old runs do not say what they have."""
    source = run_of(tmp_path, clean)
    save_weights(
        classifier_of(source), f"{source}/weights/classifier_selected.weights.h5"
    )
    path = pathlib.Path(source, "config.json")
    content = json.loads(path.read_text())
    if not knows:
        del content["classifier"]["norm"], content["classifier"]["activation"]
        path.write_text(json.dumps(content))
    energy = dataclasses.replace(clean.classifier, weights=source)
    free = dataclasses.replace(energy, norm="none")
    model = build_energy(free, 8, 1, "float32")
    with pytest.raises(WeightsError, match="for norm=batch, but energy.norm=none"):
        list(
            load_initial(
                dataclasses.replace(shortrun_learning, energy=free), {ENERGY: model}
            )
        )
    silu = dataclasses.replace(energy, activation="silu")
    with pytest.raises(WeightsError, match="--set energy.activation=relu"):
        list(
            load_initial(
                dataclasses.replace(shortrun_learning, energy=silu), {ENERGY: model}
            )
        )


def test_generators_of_fid_are_found_by_role(tmp_path):
    source = run_of(tmp_path, sngan)
    config = dataclasses.replace(shortrun, start="generator", generator=sngan.generator)
    found = network_sources(config, [GENERATOR], shared=source)[GENERATOR]
    assert found.role_there == GENERATOR


def test_an_energy_that_was_learned_as_a_classifier_is_its_runs(tmp_path):
    """Its files are those of an energy, its settings those of a classifier."""
    small = dataclasses.replace(clean.classifier, width=7)
    source = run_of(tmp_path, dataclasses.replace(shortrun_learning, energy=small))
    config = dataclasses.replace(shortrun, weights=source)
    found = network_sources(config, [ENERGY], shared=source)[ENERGY]
    assert (found.role_there, found.settings) == (ENERGY, small)
    assert found.build(clean.data, "float32").output_shape == (None, 1)


def test_learning_an_energy_begins_with_a_classifier(tmp_path):
    source = run_of(tmp_path, clean)
    path = f"{source}/weights/{weights_name(CLASSIFIER, kind='selected')}"
    classifier = classifier_of(source)
    save_weights(classifier, path)
    energy = dataclasses.replace(clean.classifier, weights=source)
    config = dataclasses.replace(shortrun_learning, energy=energy)
    model = build_energy(energy, 8, 1, "float32")
    assert list(load_initial(config, {ENERGY: model})) == [
        f"Weights of the energy: {path}"
    ]
    assert same(model, classifier)
