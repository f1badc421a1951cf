"""Config files."""

import pathlib

import pytest

from ebm_tf.config.core import from_mapping, load, to_mapping
from ebm_tf.config.kinds import kind_named
from ebm_tf.errors import ConfigError

ROOT = pathlib.Path(__file__).parents[2]
CONFIGS = sorted(ROOT.glob("configs*/*.py"))
TEXT = """
from ebm_tf.config.ebm import EbmTraining
from ebm_tf.config.chains import Transient
from ebm_tf.config.parts import (Data, Langevin)

config = EbmTraining(
    name="tiny",
    data=Data(name="digits", image_size=8, channels=1),
    langevin=Langevin(noise=0.1),
    chains=Transient(start="noise"),
    temperature=1.0,
    data_epsilon=0.0,
    num_updates=2,
)
"""


@pytest.fixture
def folder(tmp_path) -> pathlib.Path:
    (tmp_path / "tiny_noise.py").write_text(TEXT)
    return tmp_path


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_every_config_is_named_like_its_file_and_survives_json(path):
    config = load(str(path))
    assert config.name == path.stem
    cls = kind_named(type(config).__name__, "")
    assert from_mapping(cls, to_mapping(config)) == config


def test_a_config_is_found_from_any_folder(folder, monkeypatch):
    absolute = load(str(folder / "tiny_noise.py"))
    monkeypatch.chdir(folder)
    assert load("tiny_noise.py") == absolute
    (folder / "below").mkdir()
    monkeypatch.chdir("below")
    assert load("../tiny_noise.py") == absolute


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("config = (", "SyntaxError: "),
        ("import no_such_module", "ModuleNotFoundError: No module named 'no_such"),
        ("raise ValueError('one\\ntwo')", "ValueError: one two"),
        ("", "to define `config`, an experiment."),
        ("config = {}", "to define `config`, an experiment."),
        (
            TEXT.replace("data_epsilon=0.0,", ""),
            "missing 1 required keyword-only argument",
        ),
        (TEXT.replace("num_updates", "updates"), "TypeError: "),
        (TEXT.replace("noise=0.1", "noise=-0.1"), "Expected noise=-0.1 >= 0."),
        (TEXT.replace("noise=0.1", "noise='a'"), "Expected noise='a' to be of type"),
    ],
)
def test_a_broken_file_is_named_with_its_fault_in_a_line(folder, text, message):
    path = folder / "broken.py"
    path.write_text(text)
    with pytest.raises(ConfigError) as error:
        load(str(path))
    told = str(error.value)
    assert str(path) in told and message in told and "\n" not in told


def test_a_missing_file_is_told_with_its_neighbours(folder):
    path = folder / "tiny_nois.py"
    with pytest.raises(ConfigError) as error:
        load(str(path))
    told, near = str(error.value), folder / "tiny_noise.py"
    assert told.startswith(f"No config file {path}; did you mean {near}?")


@pytest.mark.parametrize("name", ["nowhere/x.py", ".", "qqqqqqqqqqqqqqqqqqqqqqqqqqqq"])
def test_a_missing_file_without_neighbours(folder, monkeypatch, name):
    monkeypatch.chdir(folder)
    with pytest.raises(ConfigError) as error:
        load(name)
    assert str(error.value) == f"No config file {name}."


def test_a_file_that_is_not_python(folder):
    path = folder / "config.json"
    path.write_text("{}")
    with pytest.raises(ConfigError, match="to be a Python file"):
        load(str(path))
