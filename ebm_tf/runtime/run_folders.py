"""The folders of runs: made for a new run, opened for an earlier one."""

import datetime
import importlib.metadata
import itertools
import json
import os
import pathlib
import platform
import subprocess
import sys
from typing import Any

import tensorflow as tf

from ebm_tf.config.core import Experiment, from_mapping, to_mapping
from ebm_tf.config.kinds import OWN, file_in, in_folder, kind_named, own_files, to_json
from ebm_tf.errors import ConfigError, RunError
from ebm_tf.runtime import files, hardware
from ebm_tf.runtime.workspace import CONFIG, Workspace

# What runs of earlier versions did, by the type of settings that did not say it.
_BEFORE = dict.fromkeys(("Optimizer", "Sgd"), {"average_warmup": False})


def claim(output: str, config: Experiment, stamp: int) -> int:
    """Makes the folder of a new run; returns which attempt at its name succeeded.

    Raises:
      RunError: if the folder cannot be written.
    """
    folder = _folder(output, config, stamp)
    try:
        tf.io.gfile.makedirs(os.path.dirname(folder))
        for attempt in itertools.count(1):
            if _is_made(_folder(output, config, stamp, attempt)):
                return attempt
    except (tf.errors.OpError, OSError) as error:
        raise _unwritable(folder, error) from error
    raise AssertionError("unreachable")


def _is_made(folder: str) -> bool:
    """Makes a folder that was not there; on a local disk no two runs both succeed."""
    if files.is_cloud(folder):
        new = not tf.io.gfile.exists(folder)
        files.make_folder(folder)
        return new
    try:
        os.mkdir(folder)
    except FileExistsError:
        return False
    return True


def create(
    output: str,
    config: Experiment,
    stamp: int,
    worker: int = 0,
    attempt: int | None = None,
) -> Workspace:
    """The workspace ``output/name/time`` of a new run.

    Args:
      output: folder of all runs.
      config: what is run; it is written first.
      stamp: seconds since 1970, the same on all workers.
      worker: index of this process.
      attempt: what `claim` gave to the first worker; claimed here if None.

    Raises:
      RunError: if the folder cannot be written.
    """
    attempt = attempt or claim(output, config, stamp)
    workspace = Workspace(_folder(output, config, stamp, attempt), worker)
    try:
        workspace.write(CONFIG, to_json(config))
        facts = environment() | {"own_files": _keep_own(config, workspace)}
        workspace.write("environment.json", json.dumps(facts, indent=2) + "\n")
    except (tf.errors.OpError, OSError, RunError) as error:
        raise _unwritable(workspace.folder, error.__cause__ or error) from error
    return workspace


def require_own(config: Experiment) -> None:
    """Checks that the user's own files that a run needs are there.

    Raises:
      ConfigError: if one is missing.
    """
    for path in own_files(config):
        if not files.exists(path):
            raise ConfigError(f"No file {path}.")


def _keep_own(config: Experiment, workspace: Workspace) -> dict[str, str]:
    """Copies the user's own files that a run needs; their SHA-256 by name."""
    digests = {}
    for path in own_files(config):
        name = f"{OWN}/{os.path.basename(path)}"
        workspace.write(name, files.read_file(path))
        digests[name] = files.sha256_of(path)
    return digests


def _folder(output: str, config: Experiment, stamp: int, attempt: int = 1) -> str:
    time = datetime.datetime.fromtimestamp(stamp).strftime("%Y-%m-%d_%H-%M-%S")
    suffix = f"_{attempt}" if attempt > 1 else ""
    return os.path.join(output, config.name, time + suffix)


def _unwritable(folder: str, error: BaseException) -> RunError:
    return RunError(f"Cannot write the output folder {folder}: {files.reason(error)}")


def reopen(folder: str, worker: int = 0) -> Workspace:
    """The workspace of an earlier run.

    Raises:
      RunError: if the folder is not that of a run, or cannot be looked at.
    """
    if not files.exists(os.path.join(folder, CONFIG)):
        raise RunError(f"{folder} is not the folder of a run: it has no {CONFIG}.")
    return Workspace(folder.rstrip("/"), worker)


def read_config(folder: str) -> Experiment:
    """The config of an earlier run.

    Raises:
      RunError: if the folder is not that of a run, or its config cannot be read or is
        damaged.
    """
    path = os.path.join(reopen(folder).folder, CONFIG)
    mapping = files.read_json(path)
    try:
        kind = _kind(mapping["type"], folder)
    except (ConfigError, AttributeError, KeyError, tf.errors.OpError) as error:
        raise files.damaged(path, error) from error
    try:
        return from_mapping(kind, _as_begun(_with_own(mapping, folder)))
    except (ValueError, KeyError, TypeError) as error:
        raise files.damaged(path, error) from error


def _kind(name: str, folder: str) -> type[Experiment]:
    """The class of the experiment of a run."""
    if not name.startswith(f"{OWN}/"):
        return kind_named(name)
    # Only a file in this folder is run, whatever the path says.
    own = os.path.basename(name.rpartition(":")[0])
    with files.fetched(os.path.join(folder, OWN, own)) as file:
        return kind_named(name, file)


def as_kept(config: Experiment, folder: str) -> Experiment:
    """A config whose files of the user are a run's copies, where these are the same."""
    mapping = _with_own(to_mapping(config), folder, only_same=True)
    return from_mapping(type(config), mapping)


def _with_own(value: Any, folder: str, *, only_same: bool = False) -> Any:
    """Settings whose files of the user are the copies that a run has kept."""
    if isinstance(value, list | tuple):
        return [_with_own(item, folder, only_same=only_same) for item in value]
    if isinstance(value, dict):
        return {
            name: _with_own(item, folder, only_same=only_same)
            for name, item in value.items()
        }
    file = file_in(value)
    if file is None:
        return value
    kept = in_folder(value, os.path.join(folder, OWN))
    copy = str(file_in(kept))
    if not files.exists(copy):
        return value
    if only_same and not (
        files.exists(file) and files.sha256_of(file) == files.sha256_of(copy)
    ):
        return value
    return kept


def _as_begun(value: Any) -> Any:
    """Saved settings with what an earlier version meant, so that its runs go on so."""
    if isinstance(value, list):
        return [_as_begun(item) for item in value]
    if not isinstance(value, dict):
        return value
    before = _BEFORE.get(value.get("type", ""), {})
    return before | {name: _as_begun(item) for name, item in value.items()}


def environment() -> dict[str, Any]:
    """Versions, revision and devices that a run depends on."""
    packages = ("tensorflow", "keras", "numpy", "scipy", "tensorflow-datasets")
    return {
        "python": sys.version.split()[0],
        "platform": platform.platform(),
        "packages": {name: _version(name) for name in packages},
        "revision": _revision(),
        **hardware.facts(),
    }


def _version(package: str) -> str:
    if package == "tensorflow":  # its distribution has several names
        return tf.__version__
    return importlib.metadata.version(package)


def _revision() -> str | None:
    root = pathlib.Path(__file__).resolve().parents[2]
    command = ["git", "-C", str(root), "describe", "--always", "--dirty"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.strip()
