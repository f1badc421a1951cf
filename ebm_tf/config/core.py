"""Typed, validated, immutable settings: construction, comparison, JSON."""

import contextlib
import dataclasses
import difflib
import functools
import importlib
import importlib.util
import math
import os
import pathlib
import re
import sys
import types
import typing
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, ClassVar, Literal

from ebm_tf.errors import ConfigError

# A constant, or (value, first step) pairs: each value holds from its step on.
Schedule = float | tuple[tuple[float, int], ...]
CountSchedule = int | tuple[tuple[int, int], ...]

Device = Literal["auto", "cpu", "gpu", "tpu"]
Dtype = Literal["float32", "bfloat16", "auto"]


def runtime(default: Any) -> Any:
    """A field that changes how a run is carried out, not what it computes."""
    return dataclasses.field(default=default, metadata={"runtime": True})


def adjustable(default: Any) -> Any:
    """A field that changes what is computed, but may change within a run."""
    return dataclasses.field(default=default, metadata={"adjustable": True})


def require(condition: bool, message: str) -> None:
    """Raises `ConfigError` with the message unless the condition holds."""
    if not condition:
        raise ConfigError(message)


@functools.cache
def field_types(cls: type) -> dict[str, Any]:
    """The resolved annotation of every field of a dataclass."""
    hints = typing.get_type_hints(cls)
    return {field.name: hints[field.name] for field in dataclasses.fields(cls)}


class Settings:
    """A frozen dataclass whose fields are checked against their annotations."""

    def __post_init__(self) -> None:
        """Converts each field to its declared type, then calls `validate`."""
        for name, hint in field_types(type(self)).items():
            value = convert(getattr(self, name), hint, name)
            object.__setattr__(self, name, value)
        self.validate()

    def validate(self) -> None:
        """Raises `ConfigError` for values that cannot work together."""

    def require_positive(self, *names: str) -> None:
        """Checks that the fields of these names are positive, or None."""
        for name in names:
            value = getattr(self, name)
            require(value is None or value > 0, f"Expected {name}={value} > 0.")

    def require_least(self, least: int, *names: str) -> None:
        """Checks that the fields of these names are not less, or None."""
        for name in names:
            value = getattr(self, name)
            holds = value is None or value >= least
            require(holds, f"Expected {name}={value} >= {least}.")

    def require_in(self, interval: str, *names: str) -> None:
        """Checks that fields are None or in an interval of numbers such as "[0, 1)"."""
        low, high = map(float, interval[1:-1].split(","))
        for name in names:
            value = getattr(self, name)
            holds = (
                value is None
                or low < value < high
                or (value == low and interval[0] == "[")
                or (value == high and interval[-1] == "]")
            )
            require(holds, f"Expected {name}={value} in {interval}.")

    def require_schedule(self, name: str, least: float, most: float = math.inf) -> None:
        """Checks the values and the first steps of a schedule."""
        schedule = getattr(self, name)
        pairs = schedule if isinstance(schedule, tuple) else ((schedule, 0),)
        require(
            _rise([start for _, start in pairs]) and pairs[0][1] == 0,
            f"Expected the first steps of {name}={schedule} to rise from 0.",
        )
        require(
            all(least <= value <= most for value, _ in pairs),
            f"Expected {name}={schedule} to be at least {least:g}."
            if most == math.inf
            else f"Expected {name}={schedule} in [{least:g}, {most:g}].",
        )

    def require_rising(self, name: str) -> None:
        """Checks that there are counts, or one, and that they rise."""
        marks = getattr(self, name)
        counts = marks if isinstance(marks, tuple) else (marks,)
        require(
            _rise(counts) and counts[0] >= 0,
            f"Expected {name}={marks} to rise from 0 or more.",
        )


def _rise(numbers: Sequence[float]) -> bool:
    """Whether there are numbers, each above the one before."""
    return bool(numbers) and list(numbers) == sorted(set(numbers))


@dataclasses.dataclass(frozen=True, kw_only=True)
class Experiment(Settings):
    """What every experiment has; the class of a config names its executable.

    Attributes:
      name: of the experiment, and of the folder of its runs.
      seed: of all random numbers.
      compute_dtype: in which networks compute; "auto" is what the devices do fast.
      device: its type; all GPUs with "auto", if there are any.
    """

    executable: ClassVar[str]
    in_lanes: ClassVar[bool] = False  # whether networks take each image by itself

    name: str
    seed: int = 0
    compute_dtype: Dtype = "float32"
    device: Device = runtime("auto")

    def validate(self) -> None:
        """Checks that the name can be that of a folder."""
        require(
            self.name.isprintable()
            and not set(self.name) & set("/\\ ")
            and self.name.strip(".") != "",
            f"Expected name={self.name!r} to be a word that can name a folder.",
        )
        require(0 <= self.seed < 2**31, f"Expected seed={self.seed} in [0, 2^31).")


def describe_type(hint: Any) -> str:
    """A type as configs write it."""
    if isinstance(hint, type) and not typing.get_args(hint):
        return "nothing" if hint is types.NoneType else hint.__name__
    return re.sub(r"typing\.|ebm_tf\.config\.\w+\.", "", str(hint))


def convert(value: Any, hint: Any, name: str) -> Any:
    """Returns the value as the declared type.

    Integers become floats where floats are declared, lists become tuples and
    mappings (from JSON) the dataclass that they describe.

    Raises:
      ConfigError: if the value is of another type.
    """
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        for option in arguments:
            try:
                return convert(value, option, name)
            except TypeMismatchError:
                continue
    elif origin is Literal:
        if value in arguments:
            return value
    elif origin is tuple and isinstance(value, list | tuple):
        inner = arguments[:1] * len(value) if arguments[-1] is ... else arguments
        if len(inner) == len(value):
            return tuple(
                convert(item, kind, name)
                for item, kind in zip(value, inner, strict=True)
            )
    elif dataclasses.is_dataclass(hint) and _is_part(value):
        if value["type"] == typing.cast(type, hint).__name__:
            return from_mapping(typing.cast(type, hint), value)
    elif hint is float:
        if type(value) in (int, float) and math.isfinite(value):
            return float(value)
    elif origin is None and isinstance(hint, type):
        # bool is an int to Python, not to a reader of a config.
        if isinstance(value, hint) and (type(value) is not bool or hint is bool):
            return value
    shown = f"{value['type']}(...)" if _is_part(value) else repr(value)
    raise TypeMismatchError(
        f"Expected {name}={shown} to be of type {describe_type(hint)}."
    )


def _is_part(value: Any) -> typing.TypeGuard[Mapping[str, Any]]:
    """Whether it describes settings, as those of `to_mapping` do."""
    return isinstance(value, Mapping) and "type" in value


class TypeMismatchError(ConfigError):
    """A value of another type, in contrast to one that is out of range."""


def from_mapping(cls: type, mapping: Mapping[str, Any]) -> Any:
    """Builds a settings class from the mapping that `to_mapping` made."""
    names = field_types(cls)
    given = {key: value for key, value in mapping.items() if key != "type"}
    for key in given:
        if key not in names:
            raise ConfigError(unknown_key(key, names))
    missing = [f.name for f in dataclasses.fields(cls) if _is_required(f)]
    missing = [name for name in missing if name not in given]
    require(not missing, f"{cls.__name__} needs {', '.join(missing)}.")
    try:
        return cls(**{key: convert(v, names[key], key) for key, v in given.items()})
    except TypeMismatchError as error:  # of a field, not of the settings as a whole
        raise ConfigError(str(error)) from error


def _is_required(field: dataclasses.Field) -> bool:
    return field.default is field.default_factory is dataclasses.MISSING


def to_mapping(settings: Any) -> dict[str, Any]:
    """The settings as JSON-able values; nested settings carry their type's name."""
    mapping: dict[str, Any] = {"type": type(settings).__name__}
    for field in dataclasses.fields(settings):
        mapping[field.name] = _plain(getattr(settings, field.name))
    return mapping


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return tuple(_plain(item) for item in value)
    return to_mapping(value) if dataclasses.is_dataclass(value) else value


def unknown_key(key: str, known: Iterable[str]) -> str:
    """The message about a setting that is not known."""
    known = sorted(known)
    near = difflib.get_close_matches(key, known, n=3, cutoff=0.4) or known
    return f"Unknown setting {key!r}; the nearest are {', '.join(near)}."


def differing_fields(
    first: Any, second: Any, prefix: str = "", *, fixed_only: bool = True
) -> list[str]:
    """Dotted paths of the fields that differ.

    Runtime fields never count, and those that may change within a run only if
    `fixed_only` is False.
    """
    ignored = {"runtime", "adjustable"} if fixed_only else {"runtime"}
    if type(first) is not type(second):
        return [prefix.rstrip(".") or "type"]
    paths: list[str] = []
    for field in dataclasses.fields(first):
        before, after = getattr(first, field.name), getattr(second, field.name)
        if before == after or ignored & set(field.metadata):
            continue
        if dataclasses.is_dataclass(before):
            inner = f"{prefix}{field.name}."
            paths += differing_fields(before, after, inner, fixed_only=fixed_only)
        else:
            paths.append(f"{prefix}{field.name}")
    return paths


def load(path: str) -> Experiment:
    """Runs a config module, from any working directory, and returns its `config`.

    Raises:
      ConfigError: if there is no such file, it fails, or it defines no `config`.
    """
    config = getattr(run_file(path, "config file"), "config", None)
    if not isinstance(config, Experiment):
        raise ConfigError(f"Expected {path} to define `config`, an experiment.")
    return config


def run_file(path: str, kind: str = "file") -> types.ModuleType:
    """Runs a Python file, from any working directory; `kind` is for the message.

    It may import the files beside it, as a program does.

    Raises:
      ConfigError: if there is no such file, or it fails.
    """
    file = pathlib.Path(path)
    if not file.is_file():
        raise ConfigError(f"No {kind} {path}{_near_files(file)}")
    name = f"config_{file.stem}_{zlib.crc32(str(file.resolve()).encode()):08x}"
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise ConfigError(f"Expected {path} to be a Python file (*.py).")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # where the classes that it defines are looked up
    try:
        with _importable(str(file.resolve().parent)):
            spec.loader.exec_module(module)
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from error
    except Exception as error:
        reason = " ".join(str(error).split())
        raise ConfigError(f"{path}: {type(error).__name__}: {reason}") from error
    return module


_FOLDERS: set[str] = set()  # of files that ran


@contextlib.contextmanager
def _importable(folder: str) -> Iterator[None]:
    """Lets a file import those beside it, first while it runs, last later on.

    What was imported under the same names from beside another file is forgotten.
    """
    for neighbour in pathlib.Path(folder).glob("*.py"):
        there = getattr(sys.modules.get(neighbour.stem), "__file__", None)
        if there and os.path.dirname(there) in _FOLDERS - {folder}:
            del sys.modules[neighbour.stem]
    importlib.invalidate_caches()  # a file may be younger than the look at its folder
    sys.path.insert(0, folder)
    try:
        yield
    finally:
        sys.path.remove(folder)
        if folder not in sys.path:
            sys.path.append(folder)
        _FOLDERS.add(folder)


def _near_files(file: pathlib.Path) -> str:
    siblings = sorted(str(other) for other in file.parent.glob("*.py"))
    near = difflib.get_close_matches(str(file), siblings, n=2)
    return f"; did you mean {' or '.join(near)}?" if near else "."
