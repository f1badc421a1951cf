"""Folders on a disk, and in a store that cannot do all that a disk can."""

import pytest


@pytest.fixture(params=["{}/here", "ram://{}"], ids=["disk", "store"])
def place(request, tmp_path) -> str:
    """A folder that is not there yet."""
    return request.param.format(tmp_path)


@pytest.fixture
def store(tmp_path) -> str:
    return f"ram://{tmp_path.name}"
