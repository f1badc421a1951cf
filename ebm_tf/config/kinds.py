"""Kinds of experiments by name, for configs that are read from JSON."""

import importlib
import inspect
import json
import pkgutil
from types import ModuleType

import ebm_tf.config
from ebm_tf.config.core import Experiment, load_module, to_mapping
from ebm_tf.errors import ConfigError

# The user's own file with the class of an experiment, as a run keeps it.
OWN_FILE = "experiment.py"
_PACKAGE = "ebm_tf.config."


def name_of(kind: type) -> str:
    """The name by which `kind_named` finds a class of experiments again."""
    if kind.__module__.startswith(_PACKAGE):
        return f"{kind.__module__}.{kind.__qualname__}"
    return f"{OWN_FILE}:{kind.__qualname__}"


def own_file(config: Experiment) -> str | None:
    """The user's file that defines the class of an experiment; None if it is ours.

    Raises:
      ConfigError: if its source is not a file.
    """
    kind = type(config)
    if kind.__module__.startswith(_PACKAGE):
        return None
    try:
        return inspect.getfile(kind)
    except (TypeError, OSError) as error:
        raise ConfigError(
            f"Expected the class {kind.__qualname__} of {config.name} to be defined "
            "in its config file, which is kept with the run."
        ) from error


def kind_named(name: str, file: str) -> type[Experiment]:
    """The class of experiments that `name_of` gave the name.

    Args:
      name: of a class below `ebm_tf.config`; of earlier versions without its module.
      file: path of the user's own file, which is run only where the name says so.

    Raises:
      ConfigError: if there is no such class.
    """
    own, _, attribute = name.rpartition(":")
    module, _, kind = name.rpartition(".")
    if own == OWN_FILE:
        found = getattr(load_module(file), attribute, None)
    elif name.startswith(_PACKAGE):
        found = getattr(_module(module), kind, None)
    else:
        classes = (getattr(module, name, None) for module in _modules())
        found = next((each for each in classes if each is not None), None)
    if not (isinstance(found, type) and issubclass(found, Experiment)):
        raise ConfigError(f"Expected {name} to be a class of experiments.")
    return found


def _module(name: str) -> ModuleType | None:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError:
        return None


def _modules() -> list[ModuleType]:
    """All modules of settings."""
    found = pkgutil.iter_modules(ebm_tf.config.__path__, _PACKAGE)
    return [importlib.import_module(module.name) for module in found]


def to_json(config: Experiment) -> str:
    """An experiment as indented JSON text, from which its class can be found."""
    mapping = to_mapping(config) | {"type": name_of(type(config))}
    return json.dumps(mapping, indent=2) + "\n"
