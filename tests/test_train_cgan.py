"""A whole run of a class-conditional generator, and searches of directions in it."""

import dataclasses
import json
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from ebm_tf import train_gen
from ebm_tf.config import core
from ebm_tf.config.directions import SearchedDirections
from ebm_tf.config.generator import GeneratorTraining, Hinge, MultiHinge
from ebm_tf.config.overrides import override
from ebm_tf.directions.opening import open_directions
from ebm_tf.errors import ConfigError, UnnamedWeightsError
from ebm_tf.store.models import load
from tests.runs import ROOT, SHORT_GENERATOR, learn_here

ANY: Any = None  # directions of a network do not look at the data
TINY = [
    *SHORT_GENERATOR,
    "data.name=digits",
    "data.image_size=8",
    "generator.num_classes=10",
]
SEARCH = SearchedDirections(near_steps=4, likely_steps=3, num_starts=2)


def tiny(*changes: str) -> GeneratorTraining:
    config = core.load(str(ROOT / "configs" / "squares32_cgan_small.py"))
    return override(config, [*TINY, *changes])


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return learn_here(tiny(), tmp_path_factory.mktemp("whole"))


@pytest.mark.slow
def test_the_game_is_learned_and_its_generator_kept(whole):
    folder, results = whole
    assert results["num_updates"] == 4 and results["frechet_pixels"] > 0
    lines = (folder / "metrics.jsonl").read_text().splitlines()
    told = json.loads(lines[-1])
    assert 0 <= told["right_data"] <= 1 and 0 <= told["found_samples"] <= 1
    generator = load(str(folder)).generator
    latents = np.zeros([3, 7], np.float32)
    latents[:, -1] = [0, 1, 1]
    images = generator(tf.constant(latents)).numpy()
    np.testing.assert_array_equal(images[1], images[2])


@pytest.mark.slow
def test_directions_are_searched_once(whole, tmp_path):
    folder, _ = whole
    settings = dataclasses.replace(
        SEARCH,
        weights=str(folder),
        judge="release:digits_clean",
        cache=str(tmp_path / "kept"),
    )
    config = tiny()
    images = tf.random.stateless_uniform([3, 8, 8, 1], [1, 2], -1.0, 1.0)
    labels = tf.constant([0, 1, 2], tf.int64)
    found = []
    for _ in range(2):
        opened = open_directions(settings, config, ANY)
        assert not opened.compiles
        names = {"weights of the generator", "weights of the classifier"}
        assert set(opened.digests) == names
        differences = tf.function(opened.differences)
        key = tf.constant([0, 0])
        found.append(differences(images, labels, labels + 1, key).numpy())
        assert opened.metrics()["num_searched"] == 3
        assert 0 <= opened.metrics()["judged_right"] <= 1
    np.testing.assert_array_equal(*found)
    mapped = images.numpy() + found[0]
    assert np.abs(mapped).max() <= 1.0 + 1e-6  # a generator's images are bounded
    (kept,) = (tmp_path / "kept").iterdir()
    assert len(list(kept.iterdir())) == 1


@pytest.mark.slow
def test_generators_that_cannot_be_searched(tmp_path, whole):
    with pytest.raises(UnnamedWeightsError, match="needs? weights of a generator"):
        open_directions(SEARCH, tiny(), ANY)
    settings = dataclasses.replace(SEARCH, weights=str(whole[0]))
    with pytest.raises(ConfigError, match="learned from images of 8 pixels"):
        open_directions(settings, tiny("data.image_size=16"), ANY)
    released = dataclasses.replace(SEARCH, weights="release:digits_clean")
    with pytest.raises(ConfigError, match="did not learn a generator"):
        open_directions(released, tiny(), ANY)


def test_it_is_described():
    lines = list(train_gen.describe(tiny()))
    assert lines[0].startswith("generator: sngan_generator_8")
    assert lines[1].startswith("discriminator: sngan_discriminator_8")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("generator.num_classes=None", "generator.num_classes where the objective"),
        ("objective.class_weight=-1", "class_weight=-1"),
        ("objective.feature_weight=-0.1", "feature_weight=-0.1"),
    ],
)
def test_bad_input(change, message):
    with pytest.raises(ConfigError, match=message):
        tiny(change)


def test_searches_that_cannot_be():
    changes = {
        "num_starts": 0,
        "near_steps": 0,
        "likely_rate": 0.0,
        "penalty": -0.1,
        "patience": 0,
        "tolerance": 1.0,
    }
    for name, value in changes.items():
        with pytest.raises(ConfigError, match=f"{name}={value}"):
            dataclasses.replace(SEARCH, **{name: value})


def test_the_objective_of_old_configs_is_the_hinge():
    config = core.load(str(ROOT / "configs" / "digits_sngan.py"))
    assert isinstance(config, GeneratorTraining) and config.objective == Hinge()
    assert isinstance(tiny().objective, MultiHinge)
