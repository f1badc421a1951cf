"""The settings of long-run learning, and those that cannot be."""

import json

import pytest

from ebm_tf.config.chains import BurnIn, Persistent, Transient
from ebm_tf.config.core import from_mapping
from ebm_tf.config.ebm import LongRunTraining
from ebm_tf.config.kinds import kind_named, to_json
from ebm_tf.config.optimizers import Optimizer
from ebm_tf.config.overrides import override
from ebm_tf.config.parts import Data, GeneratorNetwork, Langevin, Network
from ebm_tf.errors import ConfigError

YOUNG = BurnIn(start="data", bank_size=64, burn_in_size=32)


def long_run(**settings) -> LongRunTraining:
    """A small experiment in which some settings are changed."""
    given = {
        "name": "long",
        "data": Data(name="digits", image_size=8, channels=1),
        "langevin": Langevin(noise=0.1),
        "chains": YOUNG,
        "temperature": 0.5,
        "data_epsilon": 0.0,
        "batch": 4,
    }
    return LongRunTraining(**(given | settings))


FROM_GENERATOR = {
    "chains": BurnIn(start="generator", bank_size=64, burn_in_size=32),
    "generator": GeneratorNetwork(),
}


def burn_in(**settings) -> BurnIn:
    return BurnIn(start="noise", **settings)


def test_the_published_values_are_the_defaults():
    """Hill et al. (2022), section 3.4, and the authors' configs."""
    config, chains = long_run(), BurnIn(start="data")
    assert config.executable == "train_longrun" and config.num_updates == 250_000
    assert config.gaussian_stddev == 0.15 and config.prior == Network()
    assert config.energy_optimizer.average_decay == 0.0
    assert (chains.bank_size, chains.burn_in_size) == (10_000, 1000)
    assert (chains.num_steps, chains.burn_in_steps) == (100, 100)
    assert chains.burn_in_visits == 750


@pytest.mark.parametrize(
    ("build", "settings", "message"),
    [
        (BurnIn, {"start": "nowhere"}, "start='nowhere' to be of type Literal"),
        (burn_in, {"bank_size": 0}, "bank_size=0 > 0."),
        (burn_in, {"burn_in_size": 0}, "burn_in_size=0 > 0."),
        (burn_in, {"num_steps": 0}, "num_steps=0 to be at least 1."),
        (burn_in, {"burn_in_steps": 0}, "burn_in_steps=0 to be at least 1."),
        (burn_in, {"burn_in_visits": 0}, "burn_in_visits=0 to be at least 1."),
        (
            burn_in,
            {"burn_in_visits": ((5, 0), (0, 9))},
            "burn_in_visits=((5, 0), (0, 9)) to be at least 1.",
        ),
        (burn_in, {"burn_in_visits": ((5, 3),)}, "((5, 3),) to rise from 0."),
        (burn_in, {"burn_in_steps": 1.5}, "burn_in_steps=1.5 to be of type int"),
        (burn_in, {"noise_scale": 0}, "noise_scale=0.0 > 0."),
        (long_run, {"prior": None}, "a prior, which is corrected."),
        (long_run, {"prior_temperature": 0}, "prior_temperature=0.0 > 0."),
        (long_run, {"batch": 33}, "batch=33 to be at most burn_in_size=32."),
        (long_run, {"batch": 65}, "batch=65 to be at most bank_size=64."),
        (long_run, {"chains": Persistent(start="data")}, "to be of type BurnIn."),
        (long_run, {"chains": Transient(start="data")}, "to be of type BurnIn."),
        (
            long_run,
            FROM_GENERATOR | {"generator_optimizer": Optimizer()},
            "no generator_optimizer: old chains have no latents.",
        ),
        (long_run, {"chains": FROM_GENERATOR["chains"]}, "a generator where chains"),
    ],
)
def test_impossible_values(build, settings, message):
    with pytest.raises(ConfigError) as error:
        build(**settings)
    told = str(error.value)
    assert told.startswith("Expected ") and message in told and "\n" not in told


@pytest.mark.parametrize(
    ("build", "settings"),
    [
        (burn_in, {"burn_in_visits": 1, "burn_in_steps": 1, "num_steps": 1}),
        (burn_in, {"burn_in_visits": ((3, 0), (750, 1000))}),
        (long_run, {"batch": 32}),
        (long_run, FROM_GENERATOR),
        (long_run, {"gaussian_stddev": None, "prior_temperature": 2.0}),
    ],
)
def test_extreme_values_that_are_possible(build, settings):
    for name, value in settings.items():
        assert getattr(build(**settings), name) == value


@pytest.mark.parametrize("config", [long_run(), long_run(**FROM_GENERATOR)])
def test_json_there_and_back(config):
    mapping = json.loads(to_json(config))
    assert mapping["type"] == "ebm_tf.config.ebm.LongRunTraining"
    assert mapping["chains"]["type"] == "BurnIn"
    assert mapping["prior"]["type"] == "Network"
    assert from_mapping(kind_named("LongRunTraining", ""), mapping) == config


def test_settings_of_prior_and_young_chains_are_reached():
    config = override(
        long_run(),
        [
            "prior.weights=run",
            "prior.width=4",
            "prior_temperature=0.25",
            "chains.burn_in_visits=((2, 0), (5, 3))",
            "chains.burn_in_size=8",
        ],
    )
    assert config.prior == Network(width=4, weights="run")
    assert config.prior_temperature == 0.25 and config.chains.burn_in_size == 8
    assert config.chains.burn_in_visits == ((2, 0), (5, 3))
    with pytest.raises(ConfigError, match="the nearest are burn_in_size"):
        override(config, ["chains.burn_in_sizes=3"])
