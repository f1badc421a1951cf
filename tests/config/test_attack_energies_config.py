"""Settings of energies under attack and of comparisons, and what they refuse."""

import dataclasses
import json

import pytest

from ebm_tf.config import core
from ebm_tf.config.analysis import Analysis
from ebm_tf.config.attack_energies import AttackEnergies
from ebm_tf.config.comparison import EnergyComparison
from ebm_tf.config.core import from_mapping, to_mapping
from ebm_tf.config.kinds import kind_named, name_of
from ebm_tf.config.overrides import override
from ebm_tf.errors import ConfigError
from tests.runs import ROOT


def loaded(name: str) -> Analysis:
    config = core.load(str(ROOT / "configs" / f"{name}.py"))
    assert isinstance(config, Analysis)
    return config


def comparing() -> EnergyComparison:
    config = loaded("digits_energy_comparison")
    assert isinstance(config, EnergyComparison)
    return config


NAMES = ["digits_energies", "mnist_energies", "cifar10_energies"]


@pytest.mark.parametrize("name", [*NAMES, "digits_energy_comparison"])
def test_it_comes_back_from_json(name):
    config = loaded(name)
    kind = kind_named(name_of(type(config)))
    assert kind is type(config)
    assert from_mapping(kind, json.loads(json.dumps(to_mapping(config)))) == config


def test_the_published_numbers():
    attacks = loaded("cifar10_energies").attacks
    assert attacks is not None and attacks.num_images is None
    assert (attacks.ball.norm, attacks.ball.epsilon, attacks.step_size) == (
        "linf",
        8,
        2,
    )
    assert attacks.num_queries == 1000
    search = attacks.carlini_wagner
    assert (search.num_constants, search.initial_constant) == (1, 1.0)
    assert (search.learning_rate, search.confidence, search.num_targets) == (0.01, 0, 0)


def test_any_analysis_begins_with_a_setting_of_attacks():
    config = override(loaded("digits_analysis"), ["attacks.num_steps=3"])
    assert config.attacks == AttackEnergies(num_steps=3)
    some = override(config, ["attacks.attacks=('pgd', 'fab_t')"]).attacks
    assert some.attacks == ("pgd", "fab_t")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"attacks": ()}, "to name some attacks, each once"),
        ({"attacks": ("pgd", "pgd")}, "to name some attacks, each once"),
        ({"attacks": ("fab",)}, "attacks='fab' to be of type .*'fab_t'"),
        ({"num_images": 1}, "num_images=1 >= 2"),
        ({"num_steps": 0}, "num_steps=0 > 0"),
        ({"num_queries": -1}, "num_queries=-1 > 0"),
        ({"num_targets": 0}, "num_targets=0 > 0"),
        ({"step_size": 0.0}, "step_size=0.0 > 0"),
    ],
)
def test_a_mistake_is_told(settings, message):
    with pytest.raises(ConfigError, match=message):
        AttackEnergies(**settings)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"compared": "carlini_wagner"}, "to have compared='carlini_wagner'"),
        ({"attacks": None}, "to have compared='pgd'"),
        ({"weights": "release:digits_clean"}, "runs names the classifiers"),
        ({"runs": ("one", "")}, "to be folders"),
        ({"robustness": ("one",)}, "to name a folder or '' for each of runs"),
    ],
)
def test_a_mistake_of_a_comparison_is_told(settings, message):
    with pytest.raises(ConfigError, match=message):
        dataclasses.replace(comparing(), **settings)


def test_all_classifiers_are_analysed_alike():
    config = comparing()
    analysis = config.analysis("release:digits_clean")
    assert type(analysis) is Analysis and analysis.executable == "analyze"
    assert analysis.weights == "release:digits_clean"
    given = dataclasses.replace(analysis, weights=None)
    shared = {f.name for f in dataclasses.fields(Analysis)}
    assert all(getattr(given, name) == getattr(config, name) for name in shared)
