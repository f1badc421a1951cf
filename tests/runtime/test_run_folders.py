"""The folders of runs: those of new runs, and those of earlier ones."""

import dataclasses
import functools
import json
import operator
import pathlib

import pytest

from ebm_tf.config.kinds import to_json
from ebm_tf.errors import RunError, UserError
from ebm_tf.runtime.run_folders import create, read_config, reopen
from ebm_tf.runtime.workspace import Workspace
from tests.config.test_settings import COOPERATIVE, experiment

STAMP = 1_700_000_000


@pytest.fixture
def run(tmp_path) -> Workspace:
    return create(str(tmp_path), experiment(), STAMP)


def test_a_new_run_has_its_config_and_its_environment(tmp_path, run):
    path = pathlib.Path(run.folder)
    assert path.parent == tmp_path / "small" and path.name.startswith("2023-11-1")
    assert {p.name for p in path.iterdir()} == {"config.json", "environment.json"}
    assert (path / "config.json").read_text() == to_json(experiment())
    environment = json.loads((path / "environment.json").read_text())
    assert environment["packages"].keys() >= {"tensorflow", "keras", "numpy"}
    assert environment["packages"]["tensorflow"] == "2.21.0"
    assert all(environment["packages"].values()) and environment["python"]
    assert [name for name in environment["devices"] if "CPU" in name]


def test_two_runs_of_one_second_do_not_share_a_folder(tmp_path, run):
    again = create(str(tmp_path), experiment(), STAMP)
    third = create(str(tmp_path), experiment(), STAMP)
    assert [again.folder, third.folder] == [f"{run.folder}_2", f"{run.folder}_3"]


def test_an_output_that_is_a_file_is_told(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError, match="Cannot write the output folder .*file") as e:
        create(str(tmp_path / "file"), experiment(), STAMP)
    assert "\n" not in str(e.value)


def test_a_run_is_opened_again(run):
    assert reopen(run.folder + "/").folder == run.folder
    assert read_config(run.folder) == experiment()


def test_every_kind_of_settings_survives(tmp_path):
    run = create(str(tmp_path), COOPERATIVE, STAMP)
    assert read_config(run.folder) == COOPERATIVE


@pytest.mark.parametrize("name", ["nowhere", "."])
def test_other_folders_are_no_runs(tmp_path, name):
    with pytest.raises(RunError, match="is not the folder of a run: it has no config"):
        reopen(str(tmp_path / name))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"{}",
        b'{"type": "Nonsense"}',
        b"\0",
        b"\xff",
        b"[]",
        b"3",
        b'{"type": []}',
        b'{"type": "EbmTraining", "data": {"type": []}}',
        b"[" * 100_000,
        b'{"type": ' * 100_000,
        b'{"type": ' + b"[" * 500 + b"]" * 500 + b"}",
    ],
    ids=range(13),
)
def test_a_damaged_config_is_told(run, content):
    (pathlib.Path(run.folder) / "config.json").write_bytes(content)
    with pytest.raises(RunError, match="config.json is damaged"):
        read_config(run.folder)


ODD = (None, True, -1, 1e400, 10**30, "x", "", [], {}, [1, [2]], {"type": 5}, "a.py:f")


@pytest.mark.slow
def test_whatever_stands_in_a_config_is_read_or_told_in_a_line(tmp_path):
    """Each value in turn, at any depth, is another thing."""
    folder = pathlib.Path(create(str(tmp_path), COOPERATIVE, STAMP).folder)
    path, saved = folder / "config.json", to_json(COOPERATIVE)

    def places(value, here=()):
        inner = value.items() if isinstance(value, dict) else enumerate(value)
        for key, item in inner:
            yield (*here, key)
            if isinstance(item, dict | list):
                yield from places(item, (*here, key))

    num_told = 0
    for *outer, last in places(json.loads(saved)):
        for odd in ODD:
            content = json.loads(saved)
            functools.reduce(operator.getitem, outer, content)[last] = odd
            path.write_text(json.dumps(content))
            try:
                read_config(str(folder))
            except UserError as error:
                num_told += 1
                assert "\n" not in str(error)
    assert num_told > 500


def test_a_config_that_cannot_be_read_is_told(run):
    path = pathlib.Path(run.folder) / "config.json"
    path.unlink()
    path.mkdir()
    with pytest.raises(RunError, match=f"Cannot read {path}: "):
        read_config(run.folder)


def test_a_run_of_an_earlier_version_goes_on_as_it_was_begun(run):
    path = pathlib.Path(run.folder) / "config.json"
    mapping = json.loads(path.read_text())
    assert mapping["energy_optimizer"].pop("average_warmup")
    path.write_text(json.dumps(mapping))
    config = read_config(run.folder)
    optimizer = dataclasses.replace(experiment().energy_optimizer, average_warmup=False)
    assert config == experiment(energy_optimizer=optimizer)
