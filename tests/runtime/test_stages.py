"""Folders to write in go away, if late."""

import os
import time

import pytest

from ebm_tf.runtime import files
from ebm_tf.runtime.files import new_stage


@pytest.mark.parametrize("prefix", [".writing-", "writing-"])
def test_old_ones_that_a_kill_left_go_away(tmp_path, prefix):
    for name in (f"{prefix}old", f"{prefix}new", ".other-old"):
        (tmp_path / name / "in").mkdir(parents=True)
    then = time.time() - 2 * files.OLD
    for name in (f"{prefix}old", ".other-old"):
        os.utime(tmp_path / name, (then, then))
    with new_stage(str(tmp_path), prefix) as stage:
        assert os.listdir(stage) == [] and os.path.dirname(stage) == str(tmp_path)
    assert sorted(os.listdir(tmp_path)) == sorted([".other-old", f"{prefix}new"])
