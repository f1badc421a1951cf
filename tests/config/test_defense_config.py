"""Settings of defended classifiers that cannot be."""

import dataclasses

import pytest

from configs_attack.digits import config
from configs_attack.digits_chain import config as chain
from ebm_tf.config.defense import EnergyDescent, PurifiedAutoAttack, PurifiedPgd
from ebm_tf.config.overrides import override
from ebm_tf.config.parts import GeneratorNetwork
from ebm_tf.errors import ConfigError


def test_a_generator_which_purifies_nothing_is_refused():
    with pytest.raises(ConfigError, match="generator=None: purification begins"):
        dataclasses.replace(config, generator=GeneratorNetwork())


def test_classes_of_images_to_purify_are_not_known():
    with pytest.raises(ConfigError, match="conditional=False: images to purify"):
        dataclasses.replace(config, conditional=True)


def test_a_chain_is_seen_whole_where_nothing_else_is_said():
    assert chain.steps_through == 30
    whole = override(chain, ["attack.chain_steps=None"])
    assert whole.steps_through == whole.defense.num_steps == 100
    assert override(config, ["attack.gradient=chain"]).steps_through == 100


@pytest.mark.parametrize("setting", ["chain_steps=3", "segment=5", "sharpness=10.0"])
def test_what_is_said_of_a_chain_needs_one(setting):
    with pytest.raises(ConfigError, match=f"Expected no {setting} where gradient='bp"):
        override(config, [f"attack.{setting}"])
    override(config, [f"attack.{setting}", "attack.also=('chain',)"])


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (["attack.segment=7"], "attack.segment=7 to divide the 30 steps"),
        (["attack.segment=0"], "segment=0 > 0"),
        (["attack.chain_steps=101"], "chain_steps=101 to be at most"),
        (["attack.num_restarts=0"], "num_restarts=0 > 0"),
        (["attack.also=('none',)"], "also"),
        (["num_resubmissions=0"], "num_resubmissions=0 > 0"),
    ],
)
def test_attacks_that_cannot_be(settings, message):
    with pytest.raises(ConfigError, match=message):
        override(chain, settings)


def test_an_attack_needs_a_climb():
    with pytest.raises(ConfigError, match=r"climbs=\(\)"):
        PurifiedAutoAttack(climbs=())


@pytest.mark.parametrize("length", ["step_size", "radius"])
def test_descent_has_lengths(length):
    with pytest.raises(ConfigError, match=f"{length}=0.0 > 0"):
        dataclasses.replace(EnergyDescent(), **{length: 0.0})
    assert not EnergyDescent().is_random


def test_how_memory_is_saved_may_change_within_a_run():
    (field,) = (f for f in dataclasses.fields(PurifiedPgd) if f.name == "segment")
    assert field.metadata["runtime"]
