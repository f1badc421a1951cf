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
import time
from collections.abc import Callable
from typing import Any

import tensorflow as tf

from ebm_tf.config.core import Experiment, from_mapping, to_mapping
from ebm_tf.config.kinds import (
    OWN,
    file_in,
    in_folder,
    kind_named,
    name_of,
    own_files,
    to_json,
)
from ebm_tf.errors import ConfigError, RunError
from ebm_tf.runtime import files, hardware
from ebm_tf.runtime.distribution import gather, make_replicas
from ebm_tf.runtime.workspace import CONFIG, SWEEP, Workspace

# What runs of earlier versions did, by the type of settings that did not say it.
_BEFORE = dict.fromkeys(("Optimizer", "Sgd"), {"average_warmup": False})


def new(
    config: Experiment, output: str, write: Callable[[Workspace], None] | None = None
) -> Workspace:
    """The folder of a new run, or of a sweep, which all workers agree on.

    Args:
      config: the experiment, or the first one of the sweep.
      output: folder of all runs.
      write: writes what determines it; the config of a run if None.

    Raises:
      ConfigError: if a file of the user's own is missing.
      RunError: if the folder cannot be written.
    """
    require_own(config)
    replicas = make_replicas(config.device, config.in_lanes)
    worker = replicas.worker
    stamp = gather(replicas, int(time.time()))[0]
    claimed = claim(output, config, stamp) if worker == 0 else 0
    attempt = gather(replicas, claimed)[0]
    return create(output, config, stamp, worker, attempt, write)


def worker_of(config: Experiment) -> int:
    """The index of this process among the workers of an experiment."""
    return make_replicas(config.device, config.in_lanes).worker


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
    write: Callable[[Workspace], None] | None = None,
) -> Workspace:
    """The workspace ``output/name/time`` of a new run, or of a sweep.

    Args:
      output: folder of all runs.
      config: what is run; it is written first.
      stamp: seconds since 1970, the same on all workers.
      worker: index of this process.
      attempt: what `claim` gave to the first worker; claimed here if None.
      write: writes what determines it; the config of a run if None.

    Raises:
      RunError: if the folder cannot be written.
    """
    attempt = attempt or claim(output, config, stamp)
    workspace = Workspace(_folder(output, config, stamp, attempt), worker)
    write(workspace) if write else begin(workspace, config)
    return workspace


def begin(workspace: Workspace, config: Experiment) -> None:
    """Writes what determines a run into its folder.

    Raises:
      RunError: if the folder cannot be written.
    """
    try:
        workspace.write(CONFIG, to_json(config))
        facts = environment() | {"own_files": _keep_own(config, workspace)}
        workspace.write("environment.json", json.dumps(facts, indent=2) + "\n")
    except (tf.errors.OpError, OSError, RunError) as error:
        raise _unwritable(workspace.folder, error.__cause__ or error) from error


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
    if not any(files.exists(os.path.join(folder, name)) for name in (CONFIG, SWEEP)):
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


def as_kept(config: Experiment, saved: Experiment, folder: str) -> Experiment:
    """An experiment given again, by the copies of its files that its run has kept.

    Args:
      config: whose class or functions may be in files of the user.
      saved: the experiment of the run.
      folder: of the run.

    Raises:
      ConfigError: if such a file has changed since.
    """
    for path in filter(os.path.isfile, own_files(config)):
        kept = os.path.join(folder, OWN, os.path.basename(path))
        are_there = files.exists(kept) and files.exists(path)
        if are_there and files.sha256_of(kept) != files.sha256_of(path):
            raise ConfigError(
                f"{path} has changed since the run {folder} began, which has kept it: "
                "leave it out, or begin a new run."
            )
    kind = (
        type(saved) if name_of(type(config)) == name_of(type(saved)) else type(config)
    )
    return from_mapping(kind, _with_own(to_mapping(config), folder))


def _kind(name: str, folder: str) -> type[Experiment]:
    """The class of the experiment of a run."""
    if not name.startswith(f"{OWN}/"):
        return kind_named(name)
    # Only a file in this folder is run, whatever the path says.
    own = os.path.basename(name.rpartition(":")[0])
    with files.fetched(os.path.join(folder, OWN, own)) as file:
        return kind_named(name, file)


def _with_own(value: Any, folder: str) -> Any:
    """Settings whose files of the user are the copies that a run has kept."""
    if isinstance(value, list | tuple):
        return [_with_own(item, folder) for item in value]
    if isinstance(value, dict):
        return {name: _with_own(item, folder) for name, item in value.items()}
    if file_in(value) is None:
        return value
    kept = in_folder(value, os.path.join(folder, OWN))
    return kept if files.exists(str(file_in(kept))) else value


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


def versions() -> dict[str, str | None]:
    """Of what determines the figures of a run most, by name; None if not known."""
    packages = ("tensorflow", "keras", "numpy")
    return {
        "ebm_tf": _revision(),
        "python": sys.version.split()[0],
        **{name: _version(name) for name in packages},
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
