"""Functions in a guest's own Python file, which settings name as FILE.py:function."""

import re
from collections.abc import Callable, Iterator
from typing import Any

from ebm_tf.config.core import run_file, to_mapping
from ebm_tf.errors import ConfigError

_REFERENCE = re.compile(r"(.+\.py):([^\W\d]\w*)")


def is_guest(value: Any) -> bool:
    """Whether the value of a setting has the form FILE.py:function."""
    return isinstance(value, str) and _REFERENCE.fullmatch(value) is not None


def load_function(reference: str) -> Callable[..., Any]:
    """Runs a file, as `core.load` runs a config, and returns one of its functions.

    Args:
      reference: FILE.py:function; the path is relative to the working directory.

    Raises:
      ConfigError: if it has another form, or there is no such file, it fails, or it
        defines no such function.
    """
    match = _REFERENCE.fullmatch(reference)
    if match is None:
        raise ConfigError(f"Expected {reference!r} as FILE.py:function.")
    path, name = match.groups()
    function = getattr(run_file(path), name, None)
    if not callable(function):
        raise ConfigError(f"Expected {path} to define a function {name!r}.")
    return function


def guest_files(settings: Any) -> list[str]:
    """The Python files that settings name, each once, in the order of the fields.

    Whatever setting has a value of the form FILE.py:function names a file, at any
    depth, so that a new setting of this kind need not be registered.
    """
    return list(dict.fromkeys(_files_in(to_mapping(settings))))


def _files_in(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        value = tuple(value.values())
    if isinstance(value, tuple):
        for item in value:
            yield from _files_in(item)
    elif is_guest(value):
        yield value.rpartition(":")[0]
