"""Runs that go on: which one is meant, and with what settings."""

import dataclasses
import os
from collections.abc import Iterable
from typing import Any, NamedTuple

from ebm_tf.config.core import Experiment, differing_fields
from ebm_tf.config.overrides import override
from ebm_tf.errors import ConfigError, RunError
from ebm_tf.runtime import bundled, command_line, latest, sweeps
from ebm_tf.runtime.checkpoints import Checkpoints
from ebm_tf.runtime.command_line import Options
from ebm_tf.runtime.files import exists, names_in, read_json
from ebm_tf.runtime.run_folders import as_kept, read_config
from ebm_tf.runtime.sweeps import Axes, Runs
from ebm_tf.runtime.workspace import CHECKPOINTS, RESULTS, SWEEP


class Given(NamedTuple):
    """What goes on.

    Attributes:
      folder: of the run or the sweep.
      saved: the experiments as they are there.
      runs: the experiments from now on.
    """

    folder: str
    saved: Runs
    runs: Runs


def given(executable: str | None, options: Options) -> Given | None:
    """The run or sweep that goes on; None where a new one is to begin.

    Raises:
      UserError: if there is none, or what is to change may not.
    """
    folder = folder_of(executable, options)
    if folder is None:
        return None
    saved = saved_in(folder)
    if options.sweep and not _varies(folder, options):
        raise ConfigError(f"Expected --sweep as {folder} was begun, or none at all.")
    return Given(folder, saved, resumed(folder, saved, options))


def folder_of(executable: str | None, options: Options) -> str | None:
    """The folder of the run or sweep that goes on; None where a new one is to begin.

    `--resume latest` means the newest run of the config that is given, with the
    settings that are given; where there is none, a new one begins. Without a config it
    means the newest run of the executable.

    Raises:
      RunError: if there is no config and no run.
    """
    if options.resume != command_line.LATEST:
        return options.resume and options.resume.rstrip("/")
    if not options.paths:
        for folder in latest.runs(options.output):
            (first, *_) = saved_in(folder).values()
            if executable in (None, first.executable):
                return folder
        of_it = f" of {executable}.py" if executable else ""
        raise RunError(f"There is no run{of_it} in {options.output} to go on with.")
    config = override(bundled.open_config(options.paths[0]), options.assignments)
    for folder in latest.runs(options.output, config.name):
        if _is_meant(folder, options):
            return folder
    print(f"{options.output} has no such run of {config.name}: a new one begins.")
    return None


def _varies(folder: str, options: Options) -> bool:
    """Whether what is in a folder differs in what --sweep says."""
    return sweeps.axes(options.sweep) == _axes(folder)


def _is_meant(folder: str, options: Options) -> bool:
    if not _varies(folder, options):
        return False
    try:
        resumed(folder, saved_in(folder), options)
    except ConfigError:
        return False
    return True


def is_sweep(folder: str) -> bool:
    """Whether it is one of runs that a sweep made."""
    return exists(os.path.join(folder, SWEEP))


def _sweep(folder: str) -> dict[str, Any]:
    return read_json(os.path.join(folder, SWEEP))


def _axes(folder: str) -> Axes:
    return _sweep(folder)["settings"] if is_sweep(folder) else {}


def saved_in(folder: str) -> Runs:
    """The experiments of the run or the sweep in a folder, as they are saved.

    Raises:
      RunError: if it is the folder of neither, or a config is damaged.
    """
    if not is_sweep(folder):
        return {sweeps.SINGLE: read_config(folder)}
    names = _sweep(folder)["runs"]
    return {name: read_config(os.path.join(folder, name)) for name in names}


def resumed(folder: str, saved: Runs, options: Options) -> Runs:
    """The experiments of earlier runs, with what may change of them changed.

    Raises:
      ConfigError: if something else is to change.
    """
    return {
        name: _resumed(os.path.join(folder, name), saved[name], options, pairs)
        for name, pairs in zip(saved, sweeps.combinations(_axes(folder)), strict=True)
    }


def _resumed(
    folder: str, saved: Experiment, options: Options, pairs: Iterable[tuple[str, str]]
) -> Experiment:
    """One of them, which has these values in a sweep."""
    given = [*options.assignments, *sweeps.assignments(pairs)]
    config = as_kept(override(saved, given), saved, folder)
    config = _not_behind(folder, saved, latest.resolved(config, options.output, saved))
    changed = differing_fields(saved, config)
    for path in options.paths:
        here = override(bundled.open_config(path), given)
        here = latest.resolved(here, options.output, saved)
        if here.compute_dtype == "auto":  # what it chose then
            here = dataclasses.replace(here, compute_dtype=saved.compute_dtype)
        changed += differing_fields(as_kept(here, saved, folder), config)
    if changed:
        raise ConfigError(
            f"Expected the settings of the run {folder}, but "
            f"{', '.join(sorted(set(changed)))} differ: begin a new run instead."
        )
    return config


def _not_behind(folder: str, saved: Experiment, config: Experiment) -> Experiment:
    """The experiment, which ends with its next update where it is to end earlier.

    Raises:
      ConfigError: if the run is finished.
    """
    before, after = (getattr(c, "num_updates", 0) for c in (saved, config))
    if after >= before:
        return config
    if exists(os.path.join(folder, RESULTS)):
        raise ConfigError(
            f"Expected num_updates={after} to be at least the {before} of the run, "
            "which is finished."
        )
    last = min(before, max(after, num_saved(folder) + 1))
    return override(config, [f"num_updates={last}"])


def num_saved(folder: str) -> int:
    """Updates after which all workers of a run have saved a checkpoint; 0 of none."""
    checkpoints = os.path.join(folder, CHECKPOINTS)
    workers = (os.path.join(checkpoints, name) for name in names_in(checkpoints))
    newest = (max(Checkpoints(path).steps(), default=0) for path in workers)
    return min(newest, default=0)
