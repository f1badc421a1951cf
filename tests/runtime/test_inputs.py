"""A measurement goes on only with what it began with."""

import json

import pytest

from ebm_tf.errors import RunError
from ebm_tf.runtime.inputs import FILE, require_same
from ebm_tf.runtime.workspace import Workspace


def test_what_changed_is_told(tmp_path):
    workspace = Workspace(str(tmp_path))
    require_same(workspace, {"weights": "a", "images": "b"})
    require_same(workspace, {"weights": "a", "images": "b"})
    with pytest.raises(RunError, match="The images have changed since .*: begin a new"):
        require_same(workspace, {"weights": "a", "images": "c"})


def test_what_is_new_is_added(tmp_path):
    workspace = Workspace(str(tmp_path))
    require_same(workspace, {"weights at 1": "a"})
    require_same(workspace, {"weights at 2": "b"})
    content = json.loads((tmp_path / FILE).read_text())
    assert content == {"weights at 1": "a", "weights at 2": "b"}
    with pytest.raises(RunError, match="The weights at 1 have changed"):
        require_same(workspace, {"weights at 1": "b"})


def test_other_workers_compare_and_write_nothing(tmp_path):
    require_same(Workspace(str(tmp_path), 1), {"weights": "a"})
    assert not (tmp_path / FILE).exists()
    require_same(Workspace(str(tmp_path)), {"weights": "a"})
    with pytest.raises(RunError, match="The weights have changed"):
        require_same(Workspace(str(tmp_path), 1), {"weights": "b"})
