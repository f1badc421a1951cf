"""What settings name in users' files: kinds of experiments, functions, networks."""

import ast
import importlib
import inspect
import json
import os
import pathlib
import pkgutil
import re
from collections.abc import Callable, Iterator
from typing import Any

import ebm_tf.config
from ebm_tf.config.core import Experiment, field_types, run_file, to_mapping
from ebm_tf.errors import ConfigError

# The folder in which a run keeps the files of its user.
OWN = "own"
_PACKAGE = "ebm_tf.config."
_REFERENCE = re.compile(r"(.+\.py):([^\W\d]\w*)")
KERAS_FILE = ".keras"  # the ending of the names of files that hold a Keras model


def to_json(config: Experiment) -> str:
    """An experiment as indented JSON text, by which its class is found again."""
    mapping = to_mapping(config) | {"type": name_of(type(config))}
    return json.dumps(mapping, indent=2) + "\n"


def name_of(kind: type) -> str:
    """The name by which `kind_named` finds a class of experiments again.

    Raises:
      ConfigError: if it is neither below `ebm_tf.config` nor in a file.
    """
    if kind.__module__.startswith(_PACKAGE):
        return f"{kind.__module__}.{kind.__qualname__}"
    return f"{OWN}/{os.path.basename(_file_of(kind))}:{kind.__qualname__}"


def _file_of(kind: type) -> str:
    try:
        return inspect.getfile(kind)
    except (TypeError, OSError) as error:
        raise ConfigError(
            f"Expected the class {kind.__qualname__} to be defined in a config file."
        ) from error


def own_files(config: Experiment) -> list[str]:
    """The user's files that an experiment needs, each with a name of its own.

    Raises:
      ConfigError: if two have one name.
    """
    files, kind = named_files(config), type(config)
    if not kind.__module__.startswith(_PACKAGE):
        files.append(_file_of(kind))
    for path in files:  # it grows by what they import
        files += [other for other in neighbours(path) if other not in files]
    by_name: dict[str, str] = {}
    for path in files:
        path = path if "://" in path else os.path.abspath(path)
        if by_name.setdefault(os.path.basename(path), path) != path:
            raise ConfigError(f"Expected files of different names, got two of {path}.")
    return list(by_name.values())


def neighbours(path: str) -> list[str]:
    """The files beside a file that it imports by their names; none of a .keras file."""
    file = pathlib.Path(path).resolve()
    if file.suffix != ".py" or not file.is_file():  # in a bucket, say
        return []
    names: dict[str, None] = {}
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= dict.fromkeys(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names[node.module] = None
    beside = (file.with_name(f"{name}.py") for name in names)
    return [str(other) for other in beside if other.is_file()]


def kind_named(name: str, file: str = "") -> type[Experiment]:
    """The class of experiments that `name_of` gave the name.

    Args:
      name: of a class below `ebm_tf.config`, with or without its module, or in a
        user's file.
      file: path of the user's own file, which is run only where the name says so.

    Raises:
      ConfigError: if there is no such class.
    """
    if name.startswith(f"{OWN}/"):
        found = getattr(run_file(file), name.rpartition(":")[2], None)
    else:
        own, _, kind = name.rpartition(".")
        found = pkgutil.iter_modules(ebm_tf.config.__path__, _PACKAGE)
        # Its own module first; a class may have moved since.
        names = sorted((module.name for module in found), key=lambda name: name != own)
        classes = (getattr(importlib.import_module(n), kind, None) for n in names)
        found = next(filter(None, classes), None)
    if not (isinstance(found, type) and issubclass(found, Experiment)):
        raise ConfigError(f"Expected {name} to be a class of experiments.")
    return found


def executables() -> frozenset[str]:
    """The names of those that experiments below `ebm_tf.config` are for."""
    return frozenset(k.executable for k in _kinds() if hasattr(k, "executable"))


def is_setting(path: str) -> bool:
    """Whether a dotted path begins with a setting of some kind of experiment."""
    name = path.partition(".")[0]
    return any(name in field_types(kind) for kind in _kinds())


def _kinds() -> Iterator[type[Experiment]]:
    """All classes of experiments below `ebm_tf.config`."""
    for found in pkgutil.iter_modules(ebm_tf.config.__path__, _PACKAGE):
        for kind in vars(importlib.import_module(found.name)).values():
            if isinstance(kind, type) and issubclass(kind, Experiment):
                yield kind


def is_reference(value: Any) -> bool:
    """Whether the value of a setting has the form FILE.py:function."""
    return isinstance(value, str) and _REFERENCE.fullmatch(value) is not None


def is_own(value: Any) -> bool:
    """Whether the value of a setting names something in a file of the user's own."""
    return file_in(value) is not None


def file_in(value: Any) -> str | None:
    """The file of a value FILE.py:function or FILE.keras; None of any other."""
    if is_reference(value):
        return value.rpartition(":")[0]
    is_file = isinstance(value, str) and value.endswith(KERAS_FILE)
    return value if is_file else None


def in_folder(value: str, folder: str) -> str:
    """The same with its file in another folder."""
    file = file_in(value) or ""
    return os.path.join(folder, os.path.basename(file)) + value[len(file) :]


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


def named_files(settings: Any) -> list[str]:
    """The user's files that settings name, each once, in the order of the fields.

    Any setting, at any depth, may have a value FILE.py:function or FILE.keras.
    """
    return list(dict.fromkeys(_files_in(to_mapping(settings))))


def _files_in(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        value = tuple(value.values())
    if isinstance(value, tuple):
        for item in value:
            yield from _files_in(item)
    elif (file := file_in(value)) is not None:
        yield file
