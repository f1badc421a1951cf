"""What measurements ask of the runs that learned their networks."""

import dataclasses

import pytest

from configs.digits_clean import config as clean
from configs.digits_medconv import config as medconv
from configs_attack.digits import config as attack
from ebm_tf.errors import ConfigError
from ebm_tf.runtime.run_folders import create
from ebm_tf.store.learned import learned_network, remarks, seen_before, weight_files

STAMP = 1_700_000_000


def run_of(folder, config) -> str:
    return create(str(folder), config, STAMP).folder


def learned_from(folder, split: str):
    learning = dataclasses.replace(
        medconv, data=dataclasses.replace(medconv.data, split=split)
    )
    return dataclasses.replace(attack, weights=run_of(folder, learning))


def test_an_energy_that_saw_the_attacked_images_is_told(tmp_path):
    assert "looks better than it is" in seen_before(learned_from(tmp_path, "train"))[0]
    assert seen_before(learned_from(tmp_path, "train[:1438]"))
    assert seen_before(learned_from(tmp_path, "all"))
    assert not seen_before(learned_from(tmp_path, "train[:1437]"))
    (warning,) = seen_before(learned_from(tmp_path, "train[:80%]"))
    assert "may share" in warning and "may look better" in warning
    assert not seen_before(attack)


def test_an_energy_is_of_a_run_that_learned_one(tmp_path):
    config = dataclasses.replace(attack, weights=run_of(tmp_path, clean))
    with pytest.raises(ConfigError, match="train_clf.py and did not learn an energy"):
        weight_files(config, ["energy"])


def test_weights_bring_the_network_of_their_run(tmp_path):
    network = dataclasses.replace(clean.classifier, width=7)
    run = run_of(tmp_path, dataclasses.replace(clean, classifier=network))
    for source in (run, f"{run}/weights/classifier_selected.weights.h5"):
        assert learned_network(source, clean.data) == network
    assert learned_network(str(tmp_path / "x.weights.h5"), clean.data) is None


def test_a_classifier_is_of_a_run_that_learned_one_of_such_images(tmp_path):
    energy = run_of(tmp_path, medconv)
    with pytest.raises(ConfigError, match="train.py and did not learn a classifier"):
        learned_network(energy, clean.data)
    larger = dataclasses.replace(clean.data, image_size=16)
    with pytest.raises(ConfigError, match="8 pixels .* data.image_size=16"):
        learned_network(run_of(tmp_path, clean), larger)


def test_settings_that_the_run_of_a_classifier_replaces_are_told(tmp_path):
    run, network = run_of(tmp_path, clean), clean.classifier
    named = dataclasses.replace(network, weights=run)
    assert remarks(named, run, clean.data).notes == []
    other = dataclasses.replace(network, num_classes=7)
    (note,) = remarks(other, run, clean.data).notes
    assert note == "classifier.num_classes is that of the run which learned it"


def test_a_classifier_that_saw_the_attacked_images_is_told(tmp_path):
    run, network = run_of(tmp_path, clean), clean.classifier

    def warnings(split: str) -> list[str]:
        data = dataclasses.replace(clean.data, split=split)
        return remarks(network, run, data).warnings

    assert warnings("train[1437:]") == []
    (warning,) = warnings("train[:100]")
    assert "shares images" in warning
    assert warning.endswith("the classifier looks better than it is.")
    assert remarks(network, str(tmp_path / "x.weights.h5"), clean.data).warnings == []
