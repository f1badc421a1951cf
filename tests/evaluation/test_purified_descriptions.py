"""What an attack says of itself before it begins."""

import dataclasses

import keras
import numpy as np

from configs_attack.digits import config as digits
from ebm_tf.config.defense import EnergyDescent, Purification
from ebm_tf.config.overrides import override
from ebm_tf.config.parts import MomentumLangevin, Network
from ebm_tf.evaluation.purified_descriptions import (
    description,
    features_of,
    memory_of_features,
    memory_of_states,
    notes,
)
from ebm_tf.models.catalogue import build
from ebm_tf.models.ebm import EbmModels


def measurement(*words):
    return override(digits, ["attack.gradient=chain", *words])


def test_memory_is_one_state_a_step():
    (line,) = memory_of_states(measurement())
    # 480 chains of 8x8 float32, 100 times.
    assert "through 100 steps of 480 chains" in line
    assert line.endswith("12.3 MB for 100 states")
    (line,) = memory_of_states(measurement("attack.chain_steps=50"))
    assert line.endswith("6.14 MB for 50 states")
    (line,) = memory_of_states(measurement("attack.segment=10"))
    assert line.endswith("2.46 MB for 20 states")
    (line,) = memory_of_states(measurement("chunk=160"))
    assert line.endswith("4.1 MB for 100 states")


def test_a_carry_is_kept_too():
    for changed in (
        {"langevin": MomentumLangevin(noise=0.05, momentum=0.9)},
        {"defense": EnergyDescent(num_steps=100)},
    ):
        (line,) = memory_of_states(dataclasses.replace(measurement(), **changed))
        assert line.endswith("24.6 MB for 100 states")


def test_where_no_chain_is_differentiated_it_takes_nothing():
    for config in (
        digits,
        measurement("attack.gradient=transfer"),
        dataclasses.replace(measurement(), defense=Purification(num_steps=0)),
    ):
        assert not list(memory_of_states(config))
        assert not list(memory_of_features(config, EbmModels(None, None, None)))


def test_features_are_the_outputs_of_all_layers():
    images = keras.Input((8, 8, 1))
    x = keras.layers.Conv2D(3, 3, padding="same")(images)
    model = keras.Model(images, keras.layers.GlobalAveragePooling2D()(x))
    assert features_of(EbmModels(model, None, None)) == 4 * (64 + 3 * 64 + 3)
    both = features_of(EbmModels(model, None, model))
    assert both == 2 * features_of(EbmModels(model, None, None))
    energy = build(Network(width=4), 8, 1, "float32")
    (line,) = memory_of_features(measurement(), EbmModels(energy, None, None))
    needed = 4 * 480 * features_of(EbmModels(energy, None, None)) / 1e6
    assert np.isclose(float(line.split()[-2]), needed, rtol=0.01)


def test_a_flat_energy_is_told_before_it_is_attacked():
    (told,) = notes(measurement("energy.activation=leaky_relu"), 10)
    assert "piecewise linear" in told and "--set attack.sharpness" in told
    for config in (
        measurement(),  # silu
        override(digits, ["energy.activation=relu"]),  # bpda
        measurement("energy.activation=relu", "attack.sharpness=50.0"),
        measurement("energy.activation=relu", "energy.architecture=biggan"),
    ):
        assert not list(notes(config, 10))


def test_the_attack_in_words():
    defense, attack = description(
        measurement(
            "attack.also=('transfer',)",
            "attack.num_restarts=3",
            "attack.sharpness=20.0",
        )
    )
    assert "100 Langevin steps, 16 replicates, fresh noise" in defense
    assert "attack: chain, transfer (sharpness 20), 3 times, 20 steps, 8" in attack
    descent = dataclasses.replace(digits, defense=EnergyDescent(num_steps=5))
    defense, _ = description(descent)
    assert "5 steps of 1275/255 down the energy, at most 2550/255" in defense
