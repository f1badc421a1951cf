"""The flags that every executable takes."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from absl import flags

from ebm_tf.config.kinds import is_setting
from ebm_tf.errors import ConfigError

# The program that `pip install` makes; executables are its sub-commands.
COMMAND = "ebm-tf"
LATEST = "latest"  # what --resume may be in place of a folder
HELP = {"--help", "-help"}
# Flags that stand for a setting.
SHORTHANDS = {"device": "device", "data_dir": "data.directory"}

TEXTS = {
    "resume": (None, "A run to go on with: its folder, or latest, the newest one."),
    "output": ("runs", "Folder of all runs."),
    "data_dir": (None, "Folder of the prepared TFDS datasets."),
    "device": (None, "cpu, gpu or tpu; by default all GPUs, if there are any."),
}
SWITCHES = {
    "dry_run": "Shows what would be done and writes nothing.",
    "verbose": "Shows what the libraries say too.",
    "help": "Shows this; after a CONFIG, its settings and what they mean too.",
}


class Options(NamedTuple):
    """What was given on the command line.

    Attributes:
      paths: config files.
      assignments: ``key.path=value`` of --set and of the flags that stand for settings.
      sweep: ``key.path=value,value`` of --sweep.
      resume: folder of a run to go on with, or "latest".
      output: folder of all runs.
      dry_run: whether nothing is written.
      verbose: whether the libraries are heard.
      help: whether only the flags are shown.
    """

    paths: tuple[str, ...]
    assignments: tuple[str, ...]
    sweep: tuple[str, ...]
    resume: str | None
    output: str
    dry_run: bool
    verbose: bool
    help: bool


def parse(arguments: Sequence[str]) -> Options:
    """Reads a command line, whose first word is the program.

    Raises:
      ConfigError: if there is an unknown flag or a flag without its value.
    """
    values = _flags()
    try:
        _, *paths = values(arguments)
    except flags.UnrecognizedFlagError as error:
        raise ConfigError(_unknown(error, arguments)) from error
    except flags.Error as error:
        raise ConfigError(f"{error} (--help lists the flags)") from error
    given = values.flag_values_dict()
    _check_values(given)
    assignments = [
        f"{setting}={given[flag]}"
        for flag, setting in SHORTHANDS.items()
        if given[flag] is not None
    ]
    return Options(
        paths=tuple(paths),
        assignments=(*assignments, *(given["set"] or ())),
        sweep=tuple(given["sweep"] or ()),
        resume=given["resume"],
        output=given["output"],
        dry_run=given["dry_run"],
        verbose=given["verbose"],
        help=given["help"],
    )


def require_settings(config: Any, options: Options) -> None:
    """Checks that a config has the settings that flags stand for.

    Raises:
      ConfigError: if one is given that it lacks, such as data.
    """
    for flag, setting in SHORTHANDS.items():
        name = setting.partition(".")[0]
        is_given = any(word.startswith(f"{setting}=") for word in options.assignments)
        if is_given and not hasattr(config, name):
            raise ConfigError(f"Expected no --{flag}: {config.name} has no {name}.")


def _unknown(error: flags.UnrecognizedFlagError, arguments: Sequence[str]) -> str:
    """What to write in place of a flag that is not there."""
    name, word = error.flagname, error.flagvalue
    if not is_setting(name):
        return f"{error} (--help lists the flags)"
    _, given, value = word.partition("=")
    if not given and word in arguments[:-1]:
        value = arguments[arguments.index(word) + 1]
    return f"There is no flag --{name}, but a setting: --set {name}={value or 'VALUE'}"


def _check_values(given: Mapping[str, Any]) -> None:
    """Reports a flag without its value, for which the next flag was taken.

    Raises:
      ConfigError: if there is one.
    """
    for flag, values in given.items():
        for value in values if isinstance(values, list) else [values]:
            if isinstance(value, str) and value.startswith("--"):
                raise ConfigError(
                    f"Expected a value after --{flag}, got the flag {value} "
                    "(--help lists the flags)."
                )


def usage(program: str, purpose: str, words: str = "CONFIG") -> str:
    """A command, what it does, and all flags, a line each.

    Args:
      program: the words of the command.
      purpose: what it does; empty where that is of the config.
      words: what it takes.
    """
    values = _flags()
    lines = [f"  --{name}: {values[name].help}" for name in sorted(values)]
    about = [f"{purpose}.", ""] if purpose else []
    return "\n".join([f"{program} {words} [flags]", "", *about, *lines])


def _flags() -> flags.FlagValues:
    values = flags.FlagValues()
    values.set_gnu_getopt(True)
    for name, (default, text) in TEXTS.items():
        flags.DEFINE_string(name, default, text, values)
    for name, text in SWITCHES.items():
        flags.DEFINE_boolean(name, False, text, values)
    text = "key.path=value: changes a setting; may be given several times."
    flags.DEFINE_multi_string("set", None, text, values)
    text = "key.path=value,value: a run for each; several times: for each combination."
    flags.DEFINE_multi_string("sweep", None, text, values)
    return values
