"""From a command line to a run, and from a run's end to an exit code.

Nothing heavy is imported before the config is known to be good.
"""

import contextlib
import importlib
import json
import os
import sys
import time
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from absl import flags

from ebm_tf.config import core
from ebm_tf.config.catalogue import EXPERIMENTS
from ebm_tf.config.core import Experiment
from ebm_tf.errors import ConfigError, EarlyStopError, RunError, UserError

if TYPE_CHECKING:
    from ebm_tf.runtime.workspace import Workspace

DONE, MISTAKE, RESUMABLE = 0, 2, 3


def main(executable: str | None) -> int:
    """Runs the executable, or the one that the config selects if None.

    Returns:
      The exit code: 0 done, 2 a mistake of the user, 3 stopped early but resumable.
      A bug raises, and Python makes it 1.
    """
    try:
        options, paths = _parse(sys.argv)
        if options["help"].value:
            print(_usage(executable, options))
            return DONE
        return _launch(executable, options, paths)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return MISTAKE


def _launch(executable: str | None, options: flags.FlagValues, paths: list[str]) -> int:
    _prepare_environment(options["verbose"].value)
    resume = options["resume"].value
    config = _resumed(resume, options, paths) if resume else _fresh(options, paths)
    if executable not in (None, config.executable):
        raise ConfigError(
            f"{config.name} is not for {executable}.py: run python3 "
            f"ebm_tf/{config.executable}.py {' '.join(sys.argv[1:])}"
        )
    print(f"ebm_tf {config.executable}: {config.name}", flush=True)
    with _silence(options["verbose"].value):
        module = importlib.import_module(f"ebm_tf.{config.executable}")
    if options["dry_run"].value:
        print(core.to_json(config), end="")
        for line in module.describe(config):
            print(line, flush=True)
        return DONE
    workspace = _workspace(config, resume, options["output"].value)
    return _run(module, config, workspace)


def _run(module: Any, config: Experiment, workspace: "Workspace") -> int:
    try:
        results = {"name": config.name, **module.run(config, workspace)}
    except (EarlyStopError, KeyboardInterrupt) as stop:
        workspace.log(str(stop) or "Stopped while measuring.")
        command = f"python3 ebm_tf/{config.executable}.py --resume {workspace.folder}"
        workspace.log(f"To go on: {command}")
        workspace.announce()
        return RESUMABLE
    workspace.write_results(results)
    workspace.log(json.dumps(results))
    workspace.announce()
    return DONE


def _fresh(options: flags.FlagValues, paths: list[str]) -> Experiment:
    if len(paths) != 1:
        raise ConfigError("Expected one config file: python3 ebm_tf/train.py CONFIG.")
    return core.override(core.load(paths[0]), _assignments(options))


def _resumed(folder: str, options: flags.FlagValues, paths: list[str]) -> Experiment:
    """The config of an earlier run, with what may change of it changed."""
    print(f"ebm_tf: going on with {folder}", flush=True)
    with _silence(options["verbose"].value):
        from ebm_tf.runtime.workspace import read_config

    saved = read_config(folder, EXPERIMENTS)
    config = core.override(saved, _assignments(options))
    changed = core.differing_fields(saved, config)
    if paths:
        changed += core.differing_fields(core.load(paths[0]), saved)
    changed = sorted(set(changed) - {"num_updates"})
    if changed:
        raise ConfigError(
            f"Expected the settings of the run {folder}, but {', '.join(changed)} "
            "differ: begin a new run without --resume."
        )
    return config


def _workspace(config: Experiment, resume: str | None, output: str) -> "Workspace":
    from ebm_tf.runtime import workspace
    from ebm_tf.runtime.distribution import gather, make_replicas

    replicas = make_replicas(config.device)
    if resume:
        opened = workspace.reopen(resume, replicas.worker)
        if not opened.go_on(config):
            raise RunError(
                f"The run {resume} is finished; its results are in results.json. "
                "To learn on: --set num_updates=MORE."
            )
        return opened
    stamp = gather(replicas, int(time.time()))[0]
    return workspace.create(output, config, stamp, replicas.worker)


def _prepare_environment(verbose: bool) -> None:
    """Chooses Keras' backend and silences what the libraries log of themselves."""
    os.environ["KERAS_BACKEND"] = "tensorflow"
    if not verbose:
        os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
        os.environ["GRPC_VERBOSITY"] = "ERROR"


@contextlib.contextmanager
def _silence(verbose: bool) -> Iterator[None]:
    """Hides what TensorFlow writes to stderr before its log level holds."""
    if verbose:
        yield
        return
    kept = os.dup(2)
    try:
        with open(os.devnull, "w") as nowhere:
            os.dup2(nowhere.fileno(), 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


def _assignments(options: flags.FlagValues) -> list[str]:
    """The flags that stand for settings, and --set."""
    named: Mapping[str, str] = {"device": "device", "data_dir": "data.directory"}
    given = [
        f"{path}={options[flag].value}"
        for flag, path in named.items()
        if options[flag].value is not None
    ]
    return [*given, *(options["set"].value or [])]


def _parse(arguments: list[str]) -> tuple[flags.FlagValues, list[str]]:
    options = flags.FlagValues()
    options.set_gnu_getopt(True)
    _define(options)
    try:
        _, *paths = options(arguments)
    except flags.Error as error:
        raise ConfigError(f"{error} (--help lists the flags)") from error
    return options, paths


def _define(values: flags.FlagValues) -> None:
    text, boolean = flags.DEFINE_string, flags.DEFINE_boolean
    text("resume", None, "Folder of a run to go on with.", values)
    text("output", "runs", "Folder of all runs.", values)
    text("data_dir", None, "Folder of the prepared TFDS datasets.", values)
    text("device", None, "cpu, gpu or tpu; by default GPUs if there are any.", values)
    flags.DEFINE_multi_string(
        "set", None, "key.path=value: changes a setting; may be repeated.", values
    )
    boolean("dry_run", False, "Shows what would be done; writes nothing.", values)
    boolean("verbose", False, "Shows what the libraries say too.", values)
    boolean("help", False, "Shows this.", values)


def _usage(executable: str | None, options: flags.FlagValues) -> str:
    program = f"ebm_tf/{executable}.py" if executable else "-m ebm_tf"
    lines = [f"python3 {program} CONFIG [flags]", ""]
    for name in sorted(options):
        lines.append(f"  --{name}: {options[name].help}")
    return "\n".join(lines)
