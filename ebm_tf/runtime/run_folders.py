"""The folders of runs: made for a new run, opened for an earlier one."""

import contextlib
import datetime
import itertools
import json
import os
from typing import Any

import tensorflow as tf

from ebm_tf.config.core import Experiment, from_mapping
from ebm_tf.config.kinds import OWN_FILE, kind_named, own_file, to_json
from ebm_tf.errors import RunError
from ebm_tf.runtime.environment import environment
from ebm_tf.runtime.files import (
    damaged,
    exists,
    fetched,
    is_cloud,
    make_folder,
    read_json,
    reason,
)
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
    if is_cloud(folder):
        new = not tf.io.gfile.exists(folder)
        make_folder(folder)
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
        if (own := own_file(config)) is not None:
            with open(own, encoding="utf-8") as file:
                workspace.write(OWN_FILE, file.read())
        workspace.write("environment.json", json.dumps(environment(), indent=2) + "\n")
    except (tf.errors.OpError, OSError, RunError) as error:
        raise _unwritable(workspace.folder, error.__cause__ or error) from error
    return workspace


def _folder(output: str, config: Experiment, stamp: int, attempt: int = 1) -> str:
    time = datetime.datetime.fromtimestamp(stamp).strftime("%Y-%m-%d_%H-%M-%S")
    suffix = f"_{attempt}" if attempt > 1 else ""
    return os.path.join(output, config.name, time + suffix)


def _unwritable(folder: str, error: BaseException) -> RunError:
    return RunError(f"Cannot write the output folder {folder}: {reason(error)}")


def reopen(folder: str, worker: int = 0) -> Workspace:
    """The workspace of an earlier run.

    Raises:
      RunError: if the folder is not that of a run, or cannot be looked at.
    """
    if not exists(os.path.join(folder, CONFIG)):
        raise RunError(f"{folder} is not the folder of a run: it has no {CONFIG}.")
    return Workspace(folder.rstrip("/"), worker)


def read_config(folder: str) -> Experiment:
    """The config of an earlier run.

    Raises:
      RunError: if the folder is not that of a run, or its config cannot be read or is
        damaged.
    """
    path = os.path.join(reopen(folder).folder, CONFIG)
    mapping = read_json(path)
    try:
        kind = mapping["type"]
        own = fetched(os.path.join(folder, OWN_FILE))
        with own if kind.startswith(OWN_FILE) else contextlib.nullcontext("") as file:
            return from_mapping(kind_named(kind, file), _as_begun(mapping))
    except (ValueError, KeyError, TypeError, tf.errors.OpError) as error:
        raise damaged(path, error) from error


def _as_begun(value: Any) -> Any:
    """Saved settings with what an earlier version meant, so that its runs go on so."""
    if isinstance(value, list):
        return [_as_begun(item) for item in value]
    if not isinstance(value, dict):
        return value
    before = _BEFORE.get(value.get("type", ""), {})
    return before | {name: _as_begun(item) for name, item in value.items()}
