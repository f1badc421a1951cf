"""Whole runs against discriminators, and of mappers, of one's own."""

import json
import pathlib

import numpy as np
import pytest

from ebm_tf.config import core
from ebm_tf.config.overrides import override
from tests import test_train_vrgan as vrgan
from tests.runs import (
    ROOT,
    SHORT_GENERATOR,
    assert_same_arrays,
    learn_here,
    run_here,
    saved_arrays,
)

OPPONENTS = """
import keras
from keras import layers
from ebm_tf.models import mappers, sngan_discriminator

def discriminator(size, channels, classes, width, spectral_norm):
    return sngan_discriminator.discriminator(
        size, channels, width=width, num_classes=classes, spectral_norm=spectral_norm
    )

def scorer(size, channels, num_outputs):
    return sngan_discriminator.discriminator(
        size, channels, width=4, num_outputs=num_outputs
    )

def dropping(size, channels):
    return keras.Sequential([
        keras.Input((size, size, channels)),
        layers.Conv2D(4, 3, strides=2),
        layers.Dropout(0.5),
        layers.Flatten(),
        layers.Dense(1),
    ])

def mapper(size, channels, classes, width, depth):
    return mappers.unet(
        size, channels, num_classes=classes, width=width, depth=depth
    )
"""


@pytest.fixture(scope="module")
def mine(tmp_path_factory) -> str:
    path = tmp_path_factory.mktemp("opponents") / "mine.py"
    path.write_text(OPPONENTS)
    return str(path)


def learned(place: pathlib.Path, config: str, *settings: str) -> pathlib.Path:
    found = override(core.load(str(ROOT / "configs" / f"{config}.py")), list(settings))
    return learn_here(found, place)[0]


def assert_same_run(one: pathlib.Path, other: pathlib.Path) -> None:
    assert_same_arrays(saved_arrays(one), saved_arrays(other))
    lines = [(run / "metrics.jsonl").read_text() for run in (one, other)]
    assert lines[0] == lines[1]


@pytest.mark.slow
def test_a_discriminator_learns_the_bits_of_the_one_that_it_is(mine, tmp_path):
    settings = [*SHORT_GENERATOR, "generator.num_classes=10"]
    plain = learned(tmp_path / "plain", "digits_sngan", *settings)
    network = f"discriminator.architecture={mine}:discriminator"
    own = learned(tmp_path / "own", "digits_sngan", *settings, network)
    assert_same_run(plain, own)
    assert (own / "own" / "mine.py").is_file()


@pytest.mark.slow
def test_one_with_dropout_goes_on_as_if_it_had_not_stopped(mine, tmp_path):
    network = f"discriminator.architecture={mine}:dropping"
    whole = learned(tmp_path / "whole", "digits_sngan", *SHORT_GENERATOR, network)
    parts = learned(
        tmp_path / "parts", "digits_sngan", *SHORT_GENERATOR, network, "num_updates=2"
    )
    done = run_here("--resume", parts, "--set", "num_updates=4", executable=None)
    assert (done.code, done.err) == (0, ""), done
    assert_same_arrays(saved_arrays(whole), saved_arrays(parts))


@pytest.mark.slow
def test_the_multi_hinge_is_learned_against_one(mine, tmp_path):
    sizes = ["data.name=digits", "data.image_size=8", "generator.num_classes=10"]
    network = f"discriminator.architecture={mine}:scorer"
    settings = [*SHORT_GENERATOR, *sizes, network]
    folder = learned(tmp_path, "squares32_cgan_small", *settings)
    told = json.loads((folder / "metrics.jsonl").read_text().splitlines()[-1])
    assert np.isfinite(told["discriminator_loss"]) and 0 <= told["right_data"] <= 1


@pytest.mark.slow
def test_a_mapper_learns_the_bits_of_the_one_that_it_is(mine, tmp_path):
    plain, _ = learn_here(vrgan.tiny(), tmp_path / "plain")
    own, results = learn_here(
        vrgan.tiny(f"mapper.architecture={mine}:mapper"), tmp_path / "own"
    )
    assert_same_run(plain, own)
    assert 0 <= results["flip_rate"] <= 1


@pytest.mark.slow
def test_the_classifier_beside_a_mapper_may_drop(tmp_path):
    folder, _ = learn_here(
        vrgan.tiny("classifier.architecture=small_cnn", "classifier.dropout=0.5"),
        tmp_path,
    )
    told = json.loads((folder / "metrics.jsonl").read_text().splitlines()[-1])
    assert np.isfinite(told["data_loss"])
