"""Functions that settings name by a user's file."""

import dataclasses

import pytest

from ebm_tf.config.core import Settings
from ebm_tf.config.kinds import is_reference, load_function, named_files
from ebm_tf.config.parts import Data, Network
from ebm_tf.errors import ConfigError
from tests.config.test_settings import experiment


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
    assert not is_reference(value)
