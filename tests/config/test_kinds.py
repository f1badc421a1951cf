"""Classes of experiments are found again by the names that runs keep of them."""

import dataclasses
import json

import pytest

from ebm_tf.config import core
from ebm_tf.config.core import Experiment, Settings
from ebm_tf.config.ebm import EbmTraining
from ebm_tf.config.fid import SampleMeasurement
from ebm_tf.config.kinds import (
    file_in,
    in_folder,
    is_own,
    is_reference,
    kind_named,
    load_function,
    name_of,
    named_files,
    own_files,
    to_json,
)
from ebm_tf.config.parts import Data, Network
from ebm_tf.errors import ConfigError
from tests.config.test_settings import experiment

# What runs of earlier versions say of their kind.
EARLIER = (
    "EbmTraining",
    "LongRunTraining",
    "SampleMeasurement",
    "Comparison",
    "ClassifierTraining",
    "RobustnessMeasurement",
    "DefenseMeasurement",
    "GeneratorTraining",
)
OWN = """
import dataclasses
from ebm_tf.config.core import Experiment, Settings
@dataclasses.dataclass(frozen=True, kw_only=True)
class Mine(Experiment):
    executable = "train"
    size: int = 3
config = Mine(name="mine")
"""


def test_names_are_qualified():
    assert name_of(EbmTraining) == "ebm_tf.config.ebm.EbmTraining"
    assert kind_named("ebm_tf.config.fid.SampleMeasurement") is SampleMeasurement


@pytest.mark.parametrize("name", EARLIER)
def test_bare_names_of_earlier_runs_are_found(name):
    kind = kind_named(name)
    assert kind.__name__ == name and kind_named(name_of(kind)) is kind


@pytest.mark.parametrize(
    "name",
    [
        "Nothing",
        "ebm_tf.config.ebm.Nothing",
        "ebm_tf.config.nowhere.Nothing",
        "ebm_tf.config.core.require",
        "ebm_tf.runtime.loop.Loop",
        "os.system",
        "",
    ],
)
def test_other_names_are_an_error(name):
    with pytest.raises(ConfigError, match="to be a class of experiments"):
        kind_named(name)


def test_a_class_of_the_user_is_found_in_the_copy_of_its_file(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(OWN)
    config = core.load(str(path))
    name = json.loads(to_json(config))["type"]
    assert name == "own/mine.py:Mine" and own_files(config) == [str(path)]
    copy = tmp_path / "copy.py"
    copy.write_text(OWN.replace("= 3", "= 4"))
    assert kind_named(name, str(copy))(name="mine").size == 4  # type: ignore[attr-defined]
    with pytest.raises(ConfigError, match="to be a class of experiments"):
        kind_named("own/mine.py:Others", str(copy))


def test_files_of_one_name_are_an_error(tmp_path):
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "mine.py").write_text(OWN)
    config = core.load(str(tmp_path / "a" / "mine.py"))
    assert len(own_files(config)) == 1
    with pytest.raises(ConfigError, match="files of different names"):
        own_files(_with_reference(config, f"{tmp_path}/b/mine.py:function"))


def _with_reference(config: Experiment, reference: str) -> Experiment:
    """The same experiment with one more setting, which names another file."""
    fields = [("dataset", str, dataclasses.field(default=reference))]
    kind = dataclasses.make_dataclass(
        "More", fields, bases=(type(config),), frozen=True, kw_only=True
    )
    kind.__module__ = type(config).__module__
    return kind(name=config.name)


@dataclasses.dataclass(frozen=True)
class Chosen(Settings):
    network: Network
    starts: tuple[str, ...] = ("noise", "my/starts.py:ring", "other.py:ring")


def test_a_function_is_loaded_by_its_file(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text("def double(value):\n    return 2 * value\n")
    assert load_function(f"{path}:double")(4) == 8


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        ("our/x.py:points", "No file our/x.py."),
        ("mine.py:point", "Expected mine.py to define a function 'point'."),
        ("mine.py:number", "Expected mine.py to define a function 'number'."),
        ("mine.py", "Expected 'mine.py' as FILE.py:function."),
        ("broken.py:points", "broken.py: ValueError: one two"),
    ],
)
def test_what_is_no_function_is_named_in_a_line(
    tmp_path, monkeypatch, reference, message
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.py").write_text("number = 3")
    (tmp_path / "broken.py").write_text("raise ValueError('one\\ntwo')")
    with pytest.raises(ConfigError) as error:
        load_function(reference)
    assert str(error.value) == message


def test_files_of_users_are_found_whatever_setting_names_them():
    assert named_files(experiment()) == []
    data = Data(name="my data/faces.py:small", image_size=8)
    assert named_files(experiment(data=data)) == ["my data/faces.py"]
    chosen = Chosen(Network(architecture="other.py:net", weights="release:a"))
    assert named_files(chosen) == ["other.py", "my/starts.py"]


@pytest.mark.parametrize("value", [None, 3, "digits", "x.py", "x.py:", "x.py:2", ".py"])
def test_other_values_name_no_file(value):
    assert not is_reference(value) and not is_own(value) and file_in(value) is None


@pytest.mark.parametrize(
    ("value", "file", "moved"),
    [
        ("my/nets.py:energy", "my/nets.py", "own/nets.py:energy"),
        ("/there/my nets.py:f", "/there/my nets.py", "own/my nets.py:f"),
        ("my/energy.keras", "my/energy.keras", "own/energy.keras"),
        ("gs://a/b.keras", "gs://a/b.keras", "own/b.keras"),
    ],
)
def test_a_file_of_the_user_can_lie_elsewhere(value, file, moved):
    assert is_own(value) and file_in(value) == file
    assert in_folder(value, "own") == moved and in_folder(moved, "own") == moved


def test_keras_files_are_the_users_too():
    chosen = Chosen(Network(weights="my/energy.keras"), starts=())
    assert named_files(chosen) == ["my/energy.keras"]
