"""The settings of an analysis, and what they refuse."""

import dataclasses
import json

import pytest

from ebm_tf.config import core
from ebm_tf.config.analysis import (
    Analysis,
    GaussianNoise,
    Inverted,
    NamedData,
    Rotated,
    UniformNoise,
)
from ebm_tf.config.core import from_mapping, to_mapping
from ebm_tf.config.kinds import named_files
from ebm_tf.config.overrides import override
from ebm_tf.config.parts import ClippedLangevin, Data
from ebm_tf.errors import ConfigError
from tests.runs import ROOT


def loaded(name: str = "digits_analysis") -> Analysis:
    config = core.load(str(ROOT / "configs" / f"{name}.py"))
    assert isinstance(config, Analysis)
    return config


COLOURED = NamedData(data=Data(name="cifar10", image_size=32, split="test"))


@pytest.mark.parametrize("name", ["digits_analysis", "mnist_analysis"])
def test_it_comes_back_from_json(name):
    config = loaded(name)
    mapping = json.loads(json.dumps(to_mapping(config)))
    assert from_mapping(Analysis, mapping) == config
    assert override(config, ["seed=3"]).others == config.others


def test_sets_may_be_given_as_words():
    given = "({'type': 'Inverted'}, {'type': 'GaussianNoise', 'stddev': 0.1})"
    config = override(loaded(), [f"others={given}", "noise=(0,)"])
    assert config.others == (Inverted(), GaussianNoise(stddev=0.1))
    assert config.noise == (0.0,)


def test_samples_begin_with_any_of_their_settings():
    step = "{'type': 'ClippedLangevin', 'noise': 0.0, 'drift': 1.0}"
    given = ["samples.num_samples=20", f"samples.langevin={step}"]
    config = override(loaded(), given)
    assert config.samples is not None and config.samples.num_steps is None
    assert config.samples.features.name == "pixels"
    assert config.samples.langevin == ClippedLangevin(noise=0.0, drift=1.0)
    mapping = json.loads(json.dumps(to_mapping(config)))
    assert from_mapping(Analysis, mapping) == config
    named = ["samples.features.name=inception_2015", "samples.num_samples=5"]
    assert override(loaded(), named).samples.features.name == "inception_2015"
    with pytest.raises(ConfigError, match="num_samples=1 >= 2"):
        override(loaded(), ["samples.num_samples=1"])


def test_sets_have_names():
    assert UniformNoise().name == "uniform_noise" and COLOURED.name == "cifar10"
    assert GaussianNoise(label="faint").name == "faint"
    own = NamedData(data=Data(name="some/mine.py:letters", image_size=8))
    assert own.name == "letters"
    data = dataclasses.replace(own.data, channels=1)
    config = dataclasses.replace(loaded(), others=(NamedData(data=data),))
    assert named_files(config) == ["some/mine.py"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"others": (Inverted(), Inverted())}, "two of 'inverted': give one a label"),
        ({"others": (COLOURED,)}, "data.channels=3 of the set cifar10 to be the 1 of"),
        ({"others": ({"type": "Mirrored"},)}, "Mirrored.* to be of type NamedData"),
        ({"test_split": "train[1400:]"}, r"train\[1197:1437\] and train\[1400:\] do"),
        ({"test_split": "train[:5%]"}, r"train\[:1197\] and train\[:5%\] do"),
        ({"test_split": "train[-300:]"}, "may: give both in percent or as counts"),
        ({"noise": ()}, "noise=.* to rise from at least 0"),
        ({"noise": (0.1, 0.0)}, "noise=.* to rise from at least 0"),
        ({"noise": (-0.1,)}, "noise=.* to rise from at least 0"),
        ({"num_test": 1}, "num_test=1 >= 2"),
        ({"num_bins": 0}, "num_bins=0 > 0"),
    ],
)
def test_a_mistake_is_told(changes, message):
    with pytest.raises(ConfigError, match=message):
        dataclasses.replace(loaded(), **changes)


@pytest.mark.parametrize("label", ["test", "a/b", "..", "two words", ""])
def test_a_label_can_name_a_file(label):
    if not label:
        assert Rotated(label=label).name == "rotated"
        return
    with pytest.raises(ConfigError, match="to be a word that can name a file"):
        Rotated(label=label)
