"""Which cases of a test wait for the slow ones."""

from typing import Any

import pytest


def slow(*case: Any) -> Any:
    """A case that runs with the slow tests alone."""
    return pytest.param(*case, marks=pytest.mark.slow)


def first_fast(first: Any, *rest: Any) -> list[Any]:
    """The cases of one law: one runs with the fast tests, all with the slow ones."""
    return [first, *map(slow, rest)]
