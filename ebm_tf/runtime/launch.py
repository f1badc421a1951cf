"""From a command line to a run, and from a run's end to an exit code.

Nothing heavy is imported before the config is known to be good.
"""

import contextlib
import functools
import gc
import importlib
import json
import logging
import os
import shlex
import signal
import sys
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import absl.logging

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
from ebm_tf.runtime import bundled, command_line, sweeps
from ebm_tf.runtime.command_line import Options
from ebm_tf.runtime.sweeps import Runs

if TYPE_CHECKING:
    from ebm_tf.runtime.resuming import Given
    from ebm_tf.runtime.workspace import Workspace

DONE, MISTAKE, RESUMABLE, INTERRUPTED = 0, 2, 3, 130
SETS = "folders"  # the config of two sets of images
OF_SETS = "measure"  # its executable
TAKEN = {OF_SETS: "IMAGES REFERENCE", "fid": "CONFIG|IMAGES REFERENCE"}
MOST_SHOWN = 200  # letters of a figure at the end of a run
_UNUSED_BY_KERAS = ("sklearn", "matplotlib")


def main(executable: str | None) -> int:
    """Runs the executable, or the one that the config selects if None.

    Returns:
      The exit code: 0 done, 2 a mistake of the user, 3 stopped early but resumable.
      A bug raises, and Python makes it 1.
    """
    options = None
    try:
        options = command_line.parse(sys.argv)
        if options.help:
            print(_help(executable, options), flush=True)
            return DONE
        return _launch(executable, options)
    except KeyboardInterrupt:
        print("Stopped before anything was learned.", file=sys.stderr)
        return INTERRUPTED
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return MISTAKE
    except BrokenPipeError:  # what is shown is read no further, as by `| head`
        if options is None or not (options.help or options.dry_run):
            raise
        # Python writes the rest when it ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return DONE


def _launch(executable: str | None, options: Options) -> int:
    _prepare_environment(options.verbose)
    given = _given(executable, options) if options.resume else None
    runs = given.runs if given else _fresh(executable, options)
    config = next(iter(runs.values()))
    if executable not in (None, config.executable) and not _sets(executable, options):
        raise ConfigError(
            f"{config.name} is not for {executable}.py: run "
            f"{_program(config.executable)} {shlex.join(sys.argv[1:])}"
        )
    print(f"ebm_tf {config.executable}: {config.name}", flush=True)
    if sweeps.SINGLE not in runs:
        print("\n".join(sweeps.announced(list(runs), options.sweep)), flush=True)
        if options.dry_run:
            print("The first of them:", flush=True)
    if options.dry_run:
        print(to_json(config), end="", flush=True)
    with _quiet(options.verbose), quick_imports():
        module = importlib.import_module(f"ebm_tf.{config.executable}")
        from ebm_tf.runtime import hardware
    runs = {name: settled(one, options.output) for name, one in runs.items()}
    config = next(iter(runs.values()))
    for warning in hardware.warnings(config):
        print(f"warning: {warning}", flush=True)
    if options.dry_run:
        facts = hardware.facts() | {"compute_dtype": config.compute_dtype}
        print(f"hardware: {json.dumps(facts)}")
        _describe(module, config)
        return DONE
    with contextlib.ExitStack() as stack:
        if given:
            stack.enter_context(_alone_in(given.folder, config))
        workspace, work = _work(module, runs, given, options)
        if not given:
            stack.enter_context(_alone_in(workspace.folder, config))
        stack.callback(workspace.write_waiting)
        return _run(module, config, workspace, work)


def _alone_in(folder: str, config: Experiment) -> contextlib.AbstractContextManager:
    """Keeps other processes than the workers of a run out of its folder."""
    from ebm_tf.runtime import run_folders, run_locks

    is_chief = run_folders.worker_of(config) == 0
    return run_locks.held(folder) if is_chief else contextlib.nullcontext()


def settled(config: Experiment, output: str) -> Experiment:
    """An experiment with what is chosen when it begins.

    Args:
      config: may leave its dtype to the devices, and name sources as `latest:NAME`.
      output: the folder of all runs, among which the latest are.
    """
    from ebm_tf.runtime import hardware, latest

    return hardware.with_dtype(latest.resolved(config, output))


def _describe(module: Any, config: Experiment) -> None:
    try:
        for line in module.describe(config):
            print(line, flush=True)
    except UnnamedWeightsError as error:
        print(f"missing: {error}")


def _run(
    module: Any,
    config: Experiment,
    workspace: "Workspace",
    work: Callable[[], dict[str, Any]],
) -> int:
    from ebm_tf.runtime import distribution

    # Outside the loop, which saves first, SIGTERM is answered as Ctrl-C is.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        results = work()
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
    """What is done, and the flags; where a config is known, its settings too."""
    purpose = bundled.purpose(executable) if executable else ""
    words = TAKEN.get(executable or "", "CONFIG")
    lines = [command_line.usage(_program(executable), purpose, words)]
    config = None
    if options.paths:
        config = next(iter(_fresh(executable, options).values()))
    elif executable == OF_SETS:
        config = bundled.open_config(SETS)
    if config is not None:
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


def _fresh(executable: str | None, options: Options) -> Runs:
    """New experiments."""
    word, given = options.paths[0] if options.paths else "", options.assignments
    if sets := _sets(executable, options):
        word, given = SETS, (*sets, *given)
    elif len(options.paths) != 1:
        raise ConfigError(f"Expected one config file: {_program(executable)} CONFIG.")
    config = bundled.open_config(word)
    command_line.require_settings(config, options)
    config = override(config, given)
    axes = sweeps.axes(options.sweep)
    return sweeps.experiments(config, axes) if axes else {sweeps.SINGLE: config}


def _sets(executable: str | None, options: Options) -> list[str]:
    """The settings of two sets of images, where they are given in place of a config."""
    names = [path for path in options.paths if not path.endswith(".py")]
    if executable not in (None, *TAKEN) or len(names) != 2:
        return []
    return [f"images={names[0]}", f"reference={names[1]}"]


def _given(executable: str | None, options: Options) -> "Given | None":
    is_named = bool(options.resume) and options.resume != command_line.LATEST
    if is_named:  # said before TensorFlow is loaded, which takes seconds
        print(f"ebm_tf: going on with {options.resume}", flush=True)
    with _quiet(options.verbose), quick_imports():
        from ebm_tf.runtime import resuming
    given = resuming.given(executable, options)
    if given and not is_named:
        print(f"ebm_tf: going on with {given.folder}", flush=True)
    return given


def _work(
    module: Any, runs: Runs, given: "Given | None", options: Options
) -> tuple["Workspace", Callable[[], dict[str, Any]]]:
    """The folder of a run or a sweep, and what is done in it."""
    from ebm_tf.runtime import run_folders, sweeping

    config, is_sweep = next(iter(runs.values())), sweeps.SINGLE not in runs
    saved = given.saved if given else {}
    if given:
        workspace = run_folders.reopen(given.folder, run_folders.worker_of(config))
        if is_sweep:
            is_left = sweeping.is_left(workspace, saved, runs)
        else:
            is_left = workspace.go_on(saved[sweeps.SINGLE], config)
        if not is_left:
            learns = hasattr(config, "num_updates")
            hint = " To learn on: --set num_updates=MORE." if learns else ""
            raise RunError(
                f"The run {given.folder} is finished; its metrics are in "
                f"results.json.{hint}"
            )
    else:
        axes = sweeps.axes(options.sweep)
        begin = functools.partial(sweeping.begin, axes=axes, runs=runs)
        workspace = run_folders.new(config, options.output, begin if is_sweep else None)
    carry = functools.partial(carry_out, module)
    if is_sweep:
        return workspace, functools.partial(sweeping.run, runs, saved, carry, workspace)
    return workspace, functools.partial(carry, config, workspace)


def _quiet(verbose: bool) -> contextlib.AbstractContextManager[None]:
    return contextlib.nullcontext() if verbose else hidden_stderr()


@contextlib.contextmanager
def quick_imports() -> Iterator[None]:
    """Imports TensorFlow in the body with a third less time of the CPU.

    Keras imports scikit-learn and matplotlib where it finds them, for wrappers and
    galleries that nothing here uses: it does not find them. Garbage is not looked for
    while there is none, nor later among what was imported.
    """
    if "tensorflow" in sys.modules:
        yield
        return
    modules: dict[str, Any] = sys.modules
    hidden = [name for name in _UNUSED_BY_KERAS if name not in modules]
    modules.update(dict.fromkeys(hidden))  # None: what is not to be imported
    gc.disable()
    try:
        try:
            importlib.import_module("tensorflow")
        finally:
            for name in hidden:
                del modules[name]
        yield
        gc.freeze()
    finally:
        gc.enable()


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
