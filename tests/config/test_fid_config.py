"""The settings of a measurement, and those that cannot be."""

import dataclasses
import json

import pytest

from ebm_tf.config.chains import BurnIn, Persistent
from ebm_tf.config.classifier import ClassifierNetwork
from ebm_tf.config.core import differing_fields, from_mapping
from ebm_tf.config.ebm import EbmExperiment
from ebm_tf.config.fid import (
    FeatureExtractor,
    SampleMeasurement,
    Sweep,
    measurement_of,
    name_now,
    named_now,
)
from ebm_tf.config.kinds import kind_named, to_json
from ebm_tf.config.overrides import override
from ebm_tf.config.parts import Data, GeneratorNetwork, Langevin, Network
from ebm_tf.errors import ConfigError
from tests.config.test_burn_in_config import long_run
from tests.config.test_settings import COOPERATIVE, experiment

PIXELS = FeatureExtractor(name="pixels")


def measurement(**settings) -> SampleMeasurement:
    given = {
        "name": "measured",
        "data": Data(name="digits", image_size=8, channels=1),
        "langevin": Langevin(noise=0.1),
        "temperature": 0.5,
        "features": PIXELS,
        "start": "noise",
    }
    return SampleMeasurement(**(given | settings))


CLASSIFIER = FeatureExtractor(
    name="classifier", weights="run", classifier=ClassifierNetwork(depth=10, width=2)
)
EVERYTHING = measurement(
    features=CLASSIFIER,
    sweep=Sweep(first=3, last=9, every=3),
    start="generator",
    generator=GeneratorNetwork(width=4),
    prior=Network(width=4, weights="prior.weights.h5"),
    prior_temperature=0.25,
    num_steps=(1, 10, 100),
    joint_temperature=2.0,
    num_reference=50,
    record_every=7,
    weights="run",
    weights_kind="raw",
    reference="moments.npz",
)


@pytest.mark.parametrize(
    ("build", "settings", "message"),
    [
        (FeatureExtractor, {"name": "inception"}, "name='inception' to be of type"),
        (FeatureExtractor, {"name": "classifier"}, "features.classifier where"),
        (
            FeatureExtractor,
            {"name": "pixels", "classifier": ClassifierNetwork()},
            "features.classifier where features.name='classifier', and only there.",
        ),
        (Sweep, {"every": 0}, "every=0 > 0."),
        (Sweep, {"first": 5, "last": 4}, "first=5 to be at most last=4."),
        (measurement, {"batch": 0}, "batch=0 > 0."),
        (measurement, {"save_every": 0}, "save_every=0 > 0."),
        (measurement, {"joint_temperature": 0}, "joint_temperature=0.0 > 0."),
        (measurement, {"joint_temperature": 2}, "a prior where joint_temperature=2.0"),
        (measurement, {"noise_scale": -1}, "noise_scale=-1.0 > 0."),
        (measurement, {"temperature": 0}, "temperature=0.0 > 0."),
        (measurement, {"num_samples": 1}, "num_samples=1 >= 2."),
        (measurement, {"num_reference": 1}, "num_reference=1 >= 2."),
        (measurement, {"record_every": 0}, "record_every=0 >= 1."),
        (measurement, {"num_steps": -1}, "num_steps=-1 to rise from 0 or more."),
        (measurement, {"num_steps": ()}, "num_steps=() to rise from 0 or more."),
        (measurement, {"num_steps": (5, 5)}, "num_steps=(5, 5) to rise from"),
        (measurement, {"num_steps": (9, 5)}, "num_steps=(9, 5) to rise from"),
        (measurement, {"num_steps": (-1, 5)}, "num_steps=(-1, 5) to rise from"),
        (measurement, {"num_steps": 1.5}, "num_steps=1.5 to be of type int | tuple"),
        (measurement, {"denoising_steps": -1}, "denoising_steps=-1 >= 0."),
        (measurement, {"weights_kind": "old"}, "weights_kind='old' to be of type"),
        (measurement, {"start": "generator"}, "a generator where start='generator'"),
        (measurement, {"generator": GeneratorNetwork()}, "and only there."),
        (measurement, {"prior_temperature": 1}, "a prior where there is a prior_"),
        (
            measurement,
            {"prior": Network(), "prior_temperature": 0},
            "prior_temperature=0.0 > 0.",
        ),
    ],
)
def test_impossible_values(build, settings, message):
    with pytest.raises(ConfigError) as error:
        build(**settings)
    told = str(error.value)
    assert told.startswith("Expected ") and message in told and "\n" not in told


@pytest.mark.parametrize("config", [measurement(), EVERYTHING])
def test_json_there_and_back(config):
    mapping = json.loads(to_json(config))
    assert mapping["type"] == "ebm_tf.config.fid.SampleMeasurement"
    restored = from_mapping(kind_named(mapping["type"], ""), mapping)
    assert restored == config and to_json(restored) == to_json(config)


def test_settings_are_reached_at_every_depth():
    config = override(
        EVERYTHING,
        [
            "num_steps=(2,4)",
            "sweep.last=None",
            "sweep.every=2",
            "features.classifier.width=3",
            "features.weights=other",
            "prior.weights=None",
            "generator.latent_size=5",
            "langevin.noise=0.2",
            "record_every=None",
            "num_reference=None",
        ],
    )
    assert config.num_steps == (2, 4) and config.measured_steps == (2, 4)
    assert config.sweep == Sweep(first=3, every=2)
    assert config.features.classifier == ClassifierNetwork(depth=10, width=3)
    assert config.features.weights == "other" and config.prior == Network(width=4)
    assert config.generator.latent_size == 5 and config.langevin.noise == 0.2
    assert config.record_every is config.num_reference is None
    assert override(config, ["num_steps=8", "sweep=None"]).measured_steps == (8,)


def test_what_is_not_there_is_begun_by_its_fields():
    config = override(measurement(), ["sweep.first=4", "prior.weights=run"])
    assert config.sweep == Sweep(first=4) and config.prior == Network(weights="run")


@pytest.mark.parametrize(
    ("assignment", "message"),
    [
        ("num_steps=[1", "num_steps='\\[1' to be of type"),
        ("sweep.each=2", "'each'; the nearest are"),
        ("features.classifier.depth=-1", "depth=-1 > 0."),
        ("features.name=pixels", "and only there."),
        ("num_step=3", "'num_step'; the nearest are num_steps"),
    ],
)
def test_assignments_that_cannot_be(assignment, message):
    with pytest.raises(ConfigError, match=message):
        override(EVERYTHING, [assignment])


def test_what_may_change_while_a_measurement_is_stopped():
    changed = override(EVERYTHING, ["num_reference=None", "save_every=3", "device=cpu"])
    assert differing_fields(EVERYTHING, changed) == []
    changed = override(EVERYTHING, ["record_every=1", "sweep.every=1", "seed=1"])
    assert set(differing_fields(EVERYTHING, changed)) == {
        *("record_every", "sweep.every", "seed")
    }


@pytest.mark.parametrize("learning", [experiment(), COOPERATIVE, long_run()])
def test_the_measurement_of_what_is_learned(learning):
    config = measurement_of(learning, name="it", features=PIXELS)
    assert config.name == "it" and config.features == PIXELS
    for field in dataclasses.fields(EbmExperiment):
        if field.name != "name":
            ours, theirs = getattr(config, field.name), getattr(learning, field.name)
            assert ours == theirs, field.name
    assert config.start == learning.chains.start
    assert config.noise_scale == learning.chains.noise_scale


def test_the_measurement_may_begin_elsewhere():
    config = measurement_of(
        COOPERATIVE, name="it", features=PIXELS, start="data", temperature=3.0
    )
    assert config.generator is None and config.temperature == 3.0
    scaled = experiment(chains=Persistent(start="noise", bank_size=64, noise_scale=0.3))
    assert measurement_of(scaled, features=PIXELS).noise_scale == 0.3
    with pytest.raises(ConfigError, match="a generator where start='generator'"):
        measurement_of(experiment(), features=PIXELS, start="generator")
    # What is said of it wins.
    ours = measurement_of(scaled, features=PIXELS, noise_scale=0.7, num_steps=3)
    assert (ours.noise_scale, ours.num_steps) == (0.7, 3)
    assert isinstance(long_run().chains, BurnIn)


@pytest.mark.parametrize(
    ("sweep", "chosen"),
    [
        (Sweep(), [5, 10, 12, 20]),
        (Sweep(first=10), [10, 12, 20]),
        (Sweep(first=6, last=12), [10, 12]),
        (Sweep(every=10), [10, 20]),
        (Sweep(first=21), []),
    ],
)
def test_a_sweep_chooses_among_what_there_is(sweep, chosen):
    assert sweep.chosen([5, 10, 12, 20]) == chosen


@pytest.mark.parametrize(
    ("name", "features", "now"),
    [
        ("frechet_pixel", None, "frechet_pixels"),
        ("frechet_pixel", "classifier", "frechet_pixels"),
        ("fid", "pixels", "frechet_pixels"),
        ("fid_extrapolated", "classifier", "frechet_classifier_extrapolated"),
        ("kid_stderr", "inception_keras", "kernel_inception_keras_stderr"),
    ],
)
def test_names_of_earlier_versions_are_those_of_now(name, features, now):
    assert name_now(name, features) == now
    assert name_now(now, features) == now


@pytest.mark.parametrize("name", ["fid", "kid", "fid_extrapolated", "kid_stderr"])
@pytest.mark.parametrize("features", ["inception_2015", None])
def test_other_names_stay(name, features):
    """Of None nothing is known: it may be the published one."""
    for other in (name, f"x_{name}", "fidelity", "test_accuracy"):
        assert name_now(other, features) == other


def test_results_of_earlier_versions_are_read_by_the_names_of_now():
    old = {"fid": 2.0, "features": "pixels", "by_num_steps": [{"fid": 1.0, "kid": 0}]}
    new = {
        "frechet_pixels": 2.0,
        "features": "pixels",
        "by_num_steps": [{"frechet_pixels": 1.0, "kernel_pixels": 0}],
    }
    assert named_now(old) == named_now(new) == new
    odd = {"by_num_steps": 3, "by_update": [1, {"frechet_pixel": 2}]}
    assert named_now(odd) == {"by_num_steps": 3, "by_update": [{"frechet_pixels": 2}]}
