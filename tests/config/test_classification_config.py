"""Settings of classifiers that learn."""

import dataclasses

import pytest

from ebm_tf.config.attacks import Pgd
from ebm_tf.config.classification import ClassifierTraining, WeightPerturbation
from ebm_tf.config.classifier import ClassifierNetwork
from ebm_tf.config.core import differing_fields, from_mapping, to_mapping
from ebm_tf.config.objectives import Clean, WeatAdv
from ebm_tf.config.parts import Data, Guard
from ebm_tf.config.removal import EnergyRemoval
from ebm_tf.errors import ConfigError

CONFIG = ClassifierTraining(
    name="some",
    data=Data(name="digits", image_size=8, channels=1, split="train[:100]"),
    validation_split="train[100:200]",
    test_split="train[200:]",
    classifier=ClassifierNetwork(architecture="small_cnn"),
    objective=WeatAdv(),
    attack=Pgd(),
)
TWO = {"classifier": ClassifierNetwork(architecture="small_cnn", num_classes=2)}

NEW = ("removal", "keep_weights_every")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"objective": Clean()}, "attack where the objective is other than Clean"),
        ({"attack": None}, "attack where the objective is other than Clean"),
        ({"attack": Pgd(num_restarts=2)}, "attack.num_restarts=1"),
        (TWO | {"attack": Pgd(loss="dlr")}, "num_classes=2 to be at least 3 .*margin"),
        (TWO | {"evaluation_attack": Pgd(loss="dlr")}, "num_classes=2 to be at least"),
        ({"num_updates": 10, "select_from": 11}, r"select_from=11 in .*\[0, 10\]"),
        ({"select_from": -1}, "select_from=-1"),
        ({"test_split": "train[100:200]"}, "that share no images"),
        ({"test_split": "train[150:]"}, r"train\[100:200\] and train\[150:\] do"),
        ({"validation_split": "train[:100]"}, "that share no images"),
        ({"test_split": "all"}, r"train\[:100\] and all do"),
        ({"test_split": "test+train[:1%]"}, r"and test\+train\[:1%\] do"),
        ({"test_split": "train[-50:]"}, r"\[-50:\] may: give both in percent or as"),
        ({"guard": Guard(max_energy_difference=5)}, "max_energy_difference=1000, its"),
        ({"evaluation_batch": 0}, "evaluation_batch=0 > 0"),
        ({"num_test": -5}, "num_test=-5 > 0"),
        ({"keep_weights_every": 0}, "keep_weights_every=0 > 0"),
        ({"classifier": ClassifierNetwork(energy_head=True)}, "energy_head=False"),
    ],
    ids=str,
)
def test_what_cannot_work_is_told(changes, message):
    with pytest.raises(ConfigError, match=message):
        dataclasses.replace(CONFIG, **changes)


def test_what_is_removed_is_fixed_and_what_is_kept_is_not():
    """A run cannot go on with other images, but it can begin to keep weights."""
    others = EnergyRemoval(threshold=-3.0)
    removing = dataclasses.replace(CONFIG, removal=others, keep_weights_every=5)
    assert differing_fields(CONFIG, removing) == ["removal"]


def test_a_config_of_before_removes_and_keeps_nothing():
    mapping = to_mapping(CONFIG)
    before = {k: v for k, v in mapping.items() if k not in NEW}
    assert from_mapping(ClassifierTraining, before) == CONFIG


def test_settings_survive_a_file():
    perturbed = dataclasses.replace(CONFIG, weight_perturbation=WeightPerturbation())
    removal = EnergyRemoval(weights="release:digits_clean", quantile=0.9)
    removing = dataclasses.replace(CONFIG, removal=removal, keep_weights_every=5)
    for config in (CONFIG, perturbed, removing):
        assert from_mapping(ClassifierTraining, to_mapping(config)) == config
