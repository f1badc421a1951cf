"""Settings of generators that are learned: what is refused, and what survives JSON."""

import json

import pytest

from ebm_tf.config.core import from_mapping
from ebm_tf.config.generator import GeneratorTraining
from ebm_tf.config.kinds import kind_named, to_json
from ebm_tf.config.optimizers import Cosine, Linear, Optimizer, Warmup
from ebm_tf.config.overrides import override
from ebm_tf.config.parts import Data, DiscriminatorNetwork, GeneratorNetwork
from ebm_tf.errors import ConfigError

DATA = Data(name="digits", image_size=8, channels=1)
CONFIG = GeneratorTraining(
    name="some",
    data=DATA,
    generator=GeneratorNetwork(num_classes=10),
    generator_optimizer=Optimizer(learning_rate=Linear(first=1e-3, num_steps=10)),
    num_updates=10,
)


def test_defaults_are_those_of_the_method():
    config = GeneratorTraining(name="some", data=DATA)
    for optimizer in (config.generator_optimizer, config.discriminator_optimizer):
        assert (optimizer.beta_1, optimizer.beta_2) == (0.0, 0.9)
        assert optimizer.learning_rate == 2e-4
    assert (config.discriminator_updates, config.batch) == (5, 64)
    assert config.discriminator == DiscriminatorNetwork(spectral_norm=True)
    assert config.executable == "train_gen"
    plain = Optimizer()
    assert (plain.beta_1, plain.beta_2) == (0.9, 0.999)


def test_a_config_survives_its_file():
    kind = kind_named("GeneratorTraining", "")
    assert from_mapping(kind, json.loads(to_json(CONFIG))) == CONFIG


def test_optimizers_of_older_runs_are_read():
    mapping = json.loads(to_json(CONFIG))
    for name in ("beta_1", "beta_2"):
        del mapping["generator_optimizer"][name]
    for name in ("num_classes",):
        del mapping["generator"][name]
    read = from_mapping(GeneratorTraining, mapping)
    assert read.generator_optimizer.beta_2 == 0.999
    assert read.generator.num_classes is None


def test_the_end_of_a_decay_can_be_set():
    changed = override(CONFIG, ["generator_optimizer.learning_rate.num_steps=20"])
    assert changed.generator_optimizer.learning_rate == Linear(first=1e-3, num_steps=20)
    constant = override(CONFIG, ["generator_optimizer.learning_rate=0.1"])
    assert constant.generator_optimizer.learning_rate == 0.1


@pytest.mark.parametrize(
    ("assignment", "message"),
    [
        ("discriminator_updates=0", "discriminator_updates=0 > 0"),
        ("batch=0", "batch=0 > 0"),
        ("num_samples=1", "num_samples=1 >= 2"),
        ("data.name=generator", "data.name='generator'"),
        ("generator.num_classes=1", "num_classes=1 >= 2"),
        ("discriminator.width=0", "width=0 > 0"),
        ("generator_optimizer.beta_1=1.0", r"beta_1=1.0 in \[0, 1\)"),
        ("generator_optimizer.learning_rate.first=-1.0", "first=-1.0 >= 0"),
        ("generator_optimizer.learning_rate.num_steps=0", "num_steps=0 > 0"),
        ("num_updates=11", "generator_optimizer.learning_rate.num_steps >= 11"),
        ("guard.max_energy_difference=5", "max_energy_difference=1000, its default"),
    ],
)
def test_bad_settings_are_named(assignment, message):
    with pytest.raises(ConfigError, match=message):
        override(CONFIG, [assignment])


def test_a_warmup_does_not_hide_that_a_rate_ends_too_early():
    half = Cosine(first=1e-3, num_steps=9)
    for rate, path in ((half, ""), (Warmup(num_steps=2, then=half), ".then")):
        optimizer = Optimizer(learning_rate=rate)
        message = rf"learning_rate{path}.num_steps >= 10"
        with pytest.raises(ConfigError, match=message):
            GeneratorTraining(
                name="some", data=DATA, generator_optimizer=optimizer, num_updates=10
            )


def test_networks_that_cannot_learn_classes_are_refused():
    with pytest.raises(ConfigError, match="num_classes=10 where architecture='biggan'"):
        GeneratorNetwork(architecture="biggan", num_classes=10)
    tables = GeneratorNetwork(architecture="biggan_conditional")
    with pytest.raises(ConfigError, match="normalises by tables and cannot be learned"):
        GeneratorTraining(name="some", data=DATA, generator=tables)
