"""Types of fields, JSON, and what differs between two experiments."""

import dataclasses
import json

import pytest

from ebm_tf.config.chains import Hygiene, Persistent, Transient
from ebm_tf.config.classifier import ClassifierNetwork
from ebm_tf.config.core import differing_fields, from_mapping, to_mapping
from ebm_tf.config.ebm import EbmTraining
from ebm_tf.config.kinds import to_json
from ebm_tf.config.optimizers import Cosine, Optimizer, Warmup
from ebm_tf.config.parts import (
    ClippedLangevin,
    Data,
    GeneratorNetwork,
    Guard,
    Langevin,
    MomentumLangevin,
    Network,
    Samples,
)
from ebm_tf.errors import ConfigError


def experiment(**settings) -> EbmTraining:
    """A small experiment in which some settings are changed."""
    given = {
        "name": "small",
        "data": Data(name="digits", image_size=8, channels=1),
        "langevin": Langevin(noise=0.1),
        "chains": Persistent(start="noise", bank_size=64),
        "temperature": 0.5,
        "data_epsilon": 0.0,
        "num_updates": 3,
        "batch": 4,
    }
    return EbmTraining(**(given | settings))


COOPERATIVE = experiment(
    chains=Persistent(
        start="generator",
        num_steps=((5, 0), (9, 3)),
        rejuvenation=((0.5, 0), (0.25, 10)),
        max_updates=2,
    ),
    generator=GeneratorNetwork(width=4),
    generator_optimizer=Optimizer(name="sgd", learning_rate=((1e-3, 0), (1e-4, 5))),
    gaussian_stddev=0.15,
)
TRANSIENT = experiment(
    chains=Transient(start="data"),
    energy_optimizer=Optimizer(
        learning_rate=Warmup(num_steps=9, then=((1e-4, 0), (3e-5, 20)))
    ),
)
WARMED_UP = experiment(
    chains=Persistent(start="noise", bank_size=64, hygiene=Hygiene(max_pixel=2.0)),
    langevin=ClippedLangevin(noise=0.0, drift=1.0, max_gradient=1.0),
    energy_optimizer=Optimizer(
        learning_rate=Warmup(num_steps=9, then=Cosine(first=1e-4, num_steps=50))
    ),
)
CONDITIONAL = experiment(
    energy=ClassifierNetwork(),
    conditional=True,
    langevin=MomentumLangevin(noise=0.1, momentum=0.9),
)


def test_integers_become_floats_and_lists_tuples():
    langevin = Langevin(noise=1)
    assert langevin.noise == 1.0 and type(langevin.noise) is float
    rates = [[1, 0], (0.5, 2)]
    optimizer = from_mapping(Optimizer, {"learning_rate": rates})
    assert optimizer.learning_rate == ((1.0, 0), (0.5, 2))
    assert type(optimizer.learning_rate[0][0]) is float


@pytest.mark.parametrize(
    ("build", "settings", "message"),
    [
        (experiment, {"batch": 4.0}, "batch=4.0 to be of type int."),
        (experiment, {"batch": True}, "batch=True to be of type int."),
        (experiment, {"name": None}, "name=None to be of type str."),
        (experiment, {"temperature": "hot"}, "temperature='hot' to be of type float."),
        (experiment, {"temperature": False}, "temperature=False to be of type float."),
        (
            experiment,
            {"device": "abacus"},
            "device='abacus' to be of type Literal['auto', 'cpu', 'gpu', 'tpu'].",
        ),
        (
            experiment,
            {"chains": Langevin(noise=1.0)},
            "chains=Langevin(noise=1.0, drift=None, max_drift=None) to be of type "
            "Persistent | Transient.",
        ),
        (
            Persistent,
            {"start": "noise", "num_steps": ((2.5, 0),)},
            "num_steps=((2.5, 0),) to be of type int | tuple[tuple[int, int], ...].",
        ),
        (
            Optimizer,
            {"learning_rate": ((0.1, 0, 3),)},
            "learning_rate=((0.1, 0, 3),) to be of type "
            "Linear | Cosine | Warmup | float | tuple[tuple[float, int], ...].",
        ),
        (
            Data,
            {"name": "digits", "image_size": 8, "random_crop": 1},
            "random_crop=1 to be of type bool.",
        ),
    ],
)
def test_values_of_another_type(build, settings, message):
    with pytest.raises(ConfigError) as error:
        build(**settings)
    assert str(error.value) == f"Expected {message}"


@pytest.mark.parametrize("name", ["batch", "chains", "width"])
def test_settings_cannot_be_changed(name):
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(experiment(), name, 8)


@pytest.mark.parametrize(
    "config", [experiment(), COOPERATIVE, TRANSIENT, CONDITIONAL, WARMED_UP]
)
def test_json_there_and_back(config):
    mapping = json.loads(to_json(config))
    assert mapping["type"] == "ebm_tf.config.ebm.EbmTraining"
    assert mapping["chains"]["type"] == type(config.chains).__name__
    restored = from_mapping(EbmTraining, mapping)
    assert restored == config and hash(restored) == hash(config)
    assert to_json(restored) == to_json(config)


def test_a_mapping_of_before_there_were_classes_and_hygiene():
    mapping = to_mapping(experiment())
    del mapping["conditional"], mapping["chains"]["hygiene"]
    assert from_mapping(EbmTraining, mapping) == experiment()


def test_an_unknown_field_in_a_mapping():
    mapping = to_mapping(experiment())
    mapping["chains"]["banksize"] = 3
    with pytest.raises(ConfigError, match="'banksize'; the nearest are bank_size"):
        from_mapping(EbmTraining, mapping)


@pytest.mark.parametrize(
    ("changes", "fields"),
    [
        ({}, []),
        ({"device": "cpu", "log_every": 7, "save_every": 9, "picture_every": 1}, []),
        ({"data": Data(name="digits", image_size=8, channels=1, directory="x")}, []),
        ({"seed": 3}, ["seed"]),
        ({"num_updates": 7, "guard": Guard(max_rollbacks=9)}, []),
        ({"energy_optimizer": Optimizer(learning_rate=0.5)}, []),
        (
            {"energy_optimizer": Optimizer(name="sgd", learning_rate=0.5)},
            ["energy_optimizer.name"],
        ),
        ({"batch": 8, "data_epsilon": 1}, ["data_epsilon", "batch"]),
        ({"data": Data(name="mnist", image_size=8, channels=1)}, ["data.name"]),
        ({"energy": Network(width=3)}, ["energy.width"]),
        ({"chains": Transient(start="noise")}, ["chains"]),
        ({"generator": GeneratorNetwork()}, ["generator"]),
        ({"samples": Samples(num_samples=9)}, []),
    ],
)
def test_fields_that_differ_and_may_not_change_within_a_run(changes, fields):
    changed = experiment(**changes)
    assert differing_fields(experiment(), changed) == fields
    assert differing_fields(changed, experiment()) == fields
