"""Classes of experiments are found again by the names that runs keep of them."""

import dataclasses
import json

import pytest

from ebm_tf.config import core
from ebm_tf.config.core import Experiment
from ebm_tf.config.ebm import EbmTraining
from ebm_tf.config.fid import SampleMeasurement
from ebm_tf.config.kinds import kind_named, name_of, own_files, to_json
from ebm_tf.errors import ConfigError

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
from ebm_tf.config.core import Experiment
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
