"""A second process cannot work in the folder of a run."""

import os

import pytest

from ebm_tf.config.core import load
from ebm_tf.errors import RunError
from ebm_tf.runtime import run_folders
from ebm_tf.runtime.run_locks import held
from tests.runs import ROOT, run_here


def test_a_folder_is_held_once_and_let_go(tmp_path):
    folder = str(tmp_path)
    with held(folder):
        with pytest.raises(RunError, match=f"Another process works in {folder}"):
            with held(folder):
                pass
    with pytest.raises(ValueError), held(folder):
        raise ValueError
    with held(folder):
        assert os.listdir(folder) == []


def test_where_there_are_no_locks_nothing_is_kept_out():
    with held("ram://folder"), held("ram://folder"):
        pass


def test_a_run_that_is_under_way_is_not_resumed(tmp_path):
    config = load(str(ROOT / "configs" / "digits_nonconv.py"))
    folder = run_folders.create(str(tmp_path), config, 1_700_000_000).folder
    before = sorted(os.listdir(folder))
    with held(folder):
        done = run_here("--resume", folder)
    assert done.code == 2
    assert done.err == (
        f"error: Another process works in {folder}: wait for its end, or stop it.\n"
    )
    assert sorted(os.listdir(folder)) == before
