"""From a command line to a run, and from a run's end to an exit code.

Nothing heavy is imported before the config is known to be good.
"""

import contextlib
import dataclasses
import importlib
import json
import logging
import os
import shlex
import signal
import sys
import time
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import absl.logging

from ebm_tf.config import core
from ebm_tf.config.core import Experiment
from ebm_tf.config.descriptions import described
from ebm_tf.config.kinds import to_json
from ebm_tf.config.overrides import override
from ebm_tf.errors import (
    ConfigError,
    DeviceError,
    EarlyStopError,
    RunError,
    UnnamedWeightsError,
    UserError,
)
from ebm_tf.runtime import bundled, command_line
from ebm_tf.runtime.command_line import Options

if TYPE_CHECKING:
    from ebm_tf.runtime.workspace import Workspace

DONE, MISTAKE, RESUMABLE, INTERRUPTED = 0, 2, 3, 130
MOST_SHOWN = 200  # letters of a figure at the end of a run


def main(executable: str | None) -> int:
    """Runs the executable, or the one that the config selects if None.

    Returns:
      The exit code: 0 done, 2 a mistake of the user, 3 stopped early but resumable.
      A bug raises, and Python makes it 1.
    """
    try:
        options = command_line.parse(sys.argv)
        if options.help:
            print(_help(executable, options))
            return DONE
        return _launch(executable, options)
    except KeyboardInterrupt:
        print("Stopped before anything was learned.", file=sys.stderr)
        return INTERRUPTED
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return MISTAKE


def _launch(executable: str | None, options: Options) -> int:
    _prepare_environment(options.verbose)
    saved = _saved(options) if options.resume else None
    config = _resumed(saved, options) if saved else _fresh(executable, options)
    if executable not in (None, config.executable):
        raise ConfigError(
            f"{config.name} is not for {executable}.py: run "
            f"{_program(config.executable)} {shlex.join(sys.argv[1:])}"
        )
    print(f"ebm_tf {config.executable}: {config.name}", flush=True)
    if options.dry_run:
        print(to_json(config), end="", flush=True)
    with _quiet(options.verbose):
        module = importlib.import_module(f"ebm_tf.{config.executable}")
        from ebm_tf.runtime import hardware
    config = hardware.with_dtype(config)
    for warning in hardware.warnings(config):
        print(f"warning: {warning}", flush=True)
    if options.dry_run:
        facts = hardware.facts() | {"compute_dtype": config.compute_dtype}
        print(f"hardware: {json.dumps(facts)}")
        _describe(module, config)
        return DONE
    workspace = _workspace(config, saved, options)
    try:
        return _run(module, config, workspace)
    finally:
        workspace.write_waiting()


def _describe(module: Any, config: Experiment) -> None:
    try:
        for line in module.describe(config):
            print(line, flush=True)
    except UnnamedWeightsError as error:
        print(f"missing: {error}")


def _run(module: Any, config: Experiment, workspace: "Workspace") -> int:
    from ebm_tf.runtime import distribution

    # Outside the loop, which saves first, SIGTERM is answered as Ctrl-C is.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        results = carry_out(module, config, workspace)
    except distribution.OutOfMemoryError as error:
        workspace.discard_unlearned()
        raise DeviceError(
            "The device is out of memory: lower batch (or chains.bank_size), use more "
            "devices, or --set compute_dtype=bfloat16."
        ) from error
    except (EarlyStopError, KeyboardInterrupt, distribution.LostWorkerError) as stop:
        if not workspace.is_begun:
            workspace.discard_unlearned()
            raise KeyboardInterrupt from stop
        workspace.log(_why(stop))
        words = [*_words(module, config), "--resume", workspace.folder]
        workspace.log(f"To go on: {shlex.join(words)}")
        workspace.announce()
        return RESUMABLE
    except UserError:
        workspace.discard_unlearned()
        raise
    workspace.log(json.dumps(_short(results)))
    workspace.announce()
    return DONE


def carry_out(
    module: Any, config: Experiment, workspace: "Workspace"
) -> dict[str, Any]:
    """Runs a config by its executable, and writes the results that it returns."""
    from ebm_tf.runtime import distribution

    results = {"name": config.name, **module.run(config, workspace)}
    replicas = distribution.make_replicas(config.device, config.in_lanes)
    distribution.gather(replicas, 0)  # workers leave together
    workspace.write_results(results)
    return results


def _short(results: Mapping[str, Any]) -> dict[str, Any]:
    words = {name: len(json.dumps(value)) for name, value in results.items()}
    return {name: results[name] for name in words if words[name] <= MOST_SHOWN}


def _why(stop: BaseException) -> str:
    if isinstance(stop, EarlyStopError):
        return str(stop)
    if isinstance(stop, KeyboardInterrupt):
        return "Stopped between steps; all that was done is saved."
    return "Another worker is gone; go on with all of them."


def _help(executable: str | None, options: Options) -> str:
    """The flags; where a config is given, its settings too."""
    lines = [command_line.usage(_program(executable))]
    if options.paths:
        config = _fresh(executable, options)
        lines += ["", f"The settings of {config.name}:", "", *described(config)]
    return "\n".join(lines)


def _program(executable: str | None) -> str:
    """The command that runs an executable, or any, as this one was given."""
    given = os.path.basename(sys.argv[0])
    if given == command_line.COMMAND:
        return f"{given} {executable}" if executable else given
    if given == "__main__.py" and executable:
        return f"python3 -m ebm_tf {executable}"
    return f"python3 ebm_tf/{executable}.py" if executable else "python3 -m ebm_tf"


def _words(module: Any, config: Experiment) -> list[str]:
    """The command that runs the executable of a config again, from here."""
    if os.path.basename(sys.argv[0]) == command_line.COMMAND:
        return [command_line.COMMAND, config.executable]
    return [os.path.relpath(path) for path in (sys.executable, str(module.__file__))]


def _fresh(executable: str | None, options: Options) -> Experiment:
    if len(options.paths) != 1:
        raise ConfigError(f"Expected one config file: {_program(executable)} CONFIG.")
    path = bundled.config_file(options.paths[0])
    bundled.make_importable()
    return override(core.load(path), options.assignments)


def _saved(options: Options) -> Experiment:
    folder = str(options.resume)
    print(f"ebm_tf: going on with {folder}", flush=True)
    with _quiet(options.verbose):
        from ebm_tf.runtime.run_folders import read_config

    return read_config(folder)


def _resumed(saved: Experiment, options: Options) -> Experiment:
    """The config of an earlier run, with what may change of it changed."""
    from ebm_tf.runtime.run_folders import as_kept

    folder = str(options.resume)
    config = as_kept(override(saved, options.assignments), folder)
    before, after = (getattr(c, "num_updates", 0) for c in (saved, config))
    if after < before:
        raise ConfigError(
            f"Expected num_updates={after} to be at least the {before} of the run."
        )
    changed = core.differing_fields(saved, config)
    bundled.make_importable()
    for path in options.paths:
        here = as_kept(core.load(bundled.config_file(path)), folder)
        if here.compute_dtype == "auto":  # what it chose then
            here = dataclasses.replace(here, compute_dtype=saved.compute_dtype)
        changed += core.differing_fields(here, saved)
    if changed:
        raise ConfigError(
            f"Expected the settings of the run {options.resume}, but "
            f"{', '.join(sorted(set(changed)))} differ: begin a new run instead."
        )
    return config


def _workspace(
    config: Experiment, saved: Experiment | None, options: Options
) -> "Workspace":
    from ebm_tf.runtime import run_folders
    from ebm_tf.runtime.distribution import make_replicas

    if saved is not None:
        worker = make_replicas(config.device, config.in_lanes).worker
        opened = run_folders.reopen(str(options.resume), worker)
        if not opened.go_on(saved, config):
            learns = hasattr(config, "num_updates")
            hint = " To learn on: --set num_updates=MORE." if learns else ""
            raise RunError(
                f"The run {options.resume} is finished; its metrics are in "
                f"results.json.{hint}"
            )
        return opened
    return new_workspace(config, options.output)


def new_workspace(config: Experiment, output: str) -> "Workspace":
    """The folder of a new run below that of all runs.

    Raises:
      ConfigError: if a file of the user's own is missing.
      RunError: if it cannot be written.
    """
    from ebm_tf.runtime import run_folders
    from ebm_tf.runtime.distribution import gather, make_replicas

    run_folders.require_own(config)
    replicas = make_replicas(config.device, config.in_lanes)
    worker = replicas.worker
    stamp = gather(replicas, int(time.time()))[0]
    claimed = run_folders.claim(output, config, stamp) if worker == 0 else 0
    attempt = gather(replicas, claimed)[0]
    return run_folders.create(output, config, stamp, worker, attempt)


def _quiet(verbose: bool) -> contextlib.AbstractContextManager[None]:
    return contextlib.nullcontext() if verbose else hidden_stderr()


@contextlib.contextmanager
def hidden_stderr() -> Iterator[None]:
    """Sends file descriptor 2 nowhere while the body runs; errors still raise."""
    kept = os.dup(2)
    try:
        with open(os.devnull, "w") as nowhere:
            os.dup2(nowhere.fileno(), 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


def _prepare_environment(verbose: bool) -> None:
    """Chooses Keras' backend and silences what the libraries log of themselves."""
    os.environ["KERAS_BACKEND"] = "tensorflow"
    if not verbose:
        os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
        os.environ["GRPC_VERBOSITY"] = "ERROR"
        absl.logging.set_verbosity(absl.logging.ERROR)
        for library in ("tensorflow", "matplotlib"):
            logging.getLogger(library).setLevel(logging.ERROR)
