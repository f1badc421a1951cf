"""Settings and results without the folders of a machine, and the commands for them."""

import functools
import os
import pathlib
import re
import shlex
from collections.abc import Callable, Iterable
from typing import Any

from ebm_tf.config import core
from ebm_tf.config.core import Experiment, differing_fields, from_mapping, to_mapping
from ebm_tf.config.overrides import override
from ebm_tf.errors import ConfigError
from ebm_tf.runtime.weight_files import FOLDER
from ebm_tf.store.releases.installed import PREFIX

ROOT = pathlib.Path(__file__).resolve().parents[3]
# Settings and facts that name runs or weight files.
SOURCES = ("weights", "runs")
# Folders above a file, but not those in the address of a web page.
_FOLDERS = re.compile(r"(?<![\w:/.~-])(~|[A-Za-z]:)?[/\\]([^\s/\\]+[/\\])+")

Rename = Callable[[str], str]


def portable(value: Any, rename: Rename) -> Any:
    """JSON-able settings or results as they are told to others.

    Args:
      value: settings or results.
      rename: where weights are from -> how others find them.

    Returns:
      The same, with weights renamed, no data folder, and files by their names alone.
    """
    if isinstance(value, dict):
        return {key: _of_key(key, item, rename) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [portable(item, rename) for item in value]
    return _FOLDERS.sub("", value) if isinstance(value, str) else value


def _of_key(key: str, value: Any, rename: Rename) -> Any:
    if key == "directory":
        return None
    if key not in SOURCES:
        return portable(value, rename)
    if isinstance(value, str):
        return rename(value)
    if isinstance(value, dict):
        return {name: rename(source) for name, source in value.items()}
    return [rename(source) for source in value] if value else value


def portable_config(config: Experiment, rename: Rename) -> Any:
    """A config as it is told to others."""
    return from_mapping(type(config), portable(to_mapping(config), rename))


def command(config: Experiment, data_directory: str | None) -> str | None:
    """The command of a config, by the nearest of the program's config files.

    Args:
      config: as it is told to others.
      data_directory: where the datasets were; None where nobody said.

    Returns:
      The command; None where no config file and assignments make this config.
    """
    made = [
        (len(assignments), str(path.relative_to(ROOT)), assignments)
        for path, other in _published(type(config))
        if (assignments := _assignments(other, config)) is not None
    ]
    if not made:
        return None
    _, path, assignments = min(made)
    words = ["python3", f"ebm_tf/{config.executable}.py", path]
    words += [word for text in assignments for word in ("--set", text)]
    return shlex.join(words) + (" --data_dir DATA" if data_directory else "")


@functools.cache
def _published(kind: type) -> list[tuple[pathlib.Path, Experiment]]:
    """The config files of the program that define an experiment of a kind."""
    found = []
    for path in sorted(ROOT.glob("configs*/*.py")):
        try:
            config = core.load(str(path))
        except ConfigError:  # no page of the program, or one that is being written
            continue
        if type(config) is kind:
            found.append((path, config))
    return found


def _assignments(before: Experiment, after: Experiment) -> list[str] | None:
    """What makes one config of another; None where assignments cannot."""
    paths = differing_fields(before, after, fixed_only=False)
    assignments = [f"{path}={_value(after, path)}" for path in paths]
    try:
        made = override(before, assignments)
    except ConfigError:
        return None
    return None if differing_fields(made, after, fixed_only=False) else assignments


def _value(config: Any, path: str) -> Any:
    return functools.reduce(getattr, path.split("."), config)


def renaming(known: dict[str, str], digests: Callable[[str], Iterable[str]]) -> Rename:
    """How others find weights: in the release that holds them, if one does.

    Args:
      known: names of releases by the SHA-256 of the weights that they hold.
      digests: a weight file or a run folder -> SHA-256 of the weights there.
    """

    def rename(source: str) -> str:
        if source.startswith(PREFIX):
            return source
        for digest in digests(source):
            if digest in known:
                return f"{PREFIX}{known[digest]}"
        is_local = os.path.isabs(source) or "://" in source or source.startswith("~")
        return _last_parts(source) if is_local else source

    return rename


def _last_parts(path: str) -> str:
    """Name and time of a run, of its weights with what follows, else a file's name."""
    *folders, name = re.split(r"[/\\]+", path.rstrip("/\\"))
    num_folders = 0 if os.path.splitext(name)[1] else 1
    if folders and folders[-1] == FOLDER:
        num_folders = 3
    return "/".join([*folders[-num_folders:], name]) if num_folders else name
