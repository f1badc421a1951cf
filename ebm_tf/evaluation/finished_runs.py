"""What finished runs have measured of classifiers, as one table over seeds."""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

from ebm_tf.config.core import Experiment, differing_fields
from ebm_tf.errors import ConfigError
from ebm_tf.runtime import sweeps
from ebm_tf.runtime.resuming import saved_in
from ebm_tf.runtime.run_folders import read_config, reopen
from ebm_tf.runtime.sweeps import SEED, Row
from ebm_tf.runtime.workspace import Workspace
from ebm_tf.store.sources import Source

# Among the figures of a row: the folder of the run, and what it has measured.
RUN, WEIGHTS = "run", "weights"
Kind = TypeVar("Kind", bound=Experiment)
MeasuredFn = Callable[[str], Row]


def finished(
    folder: str, kind: type[Kind], of: str = ""
) -> tuple[Kind, dict[str, Any]]:
    """The config and the results of a finished run.

    Args:
      folder: of the run.
      kind: of its config.
      of: what a message says of such runs besides their program.

    Raises:
      UserError: if it is no run of that kind, or not finished.
    """
    config, results = read_config(folder), reopen(folder).results()
    if (
        not isinstance(config, kind)
        # Some comparisons are measurements as well, of a program of their own.
        or config.executable != kind.executable
        or results is None
    ):
        raise ConfigError(
            f"{folder} is not a finished run of {kind.executable}.py{of}."
        )
    return config, results


def row(folder: str, weights: str, figures: Mapping[str, Any]) -> Row:
    """The figures of a run, by the method and the seed that learned what it measured.

    The method is the name of the config; of a weight file without a run, its path.
    """
    config = Source(weights).config
    labels = {"method": weights, SEED: "-"}
    if config is not None:
        labels = {"method": config.name, SEED: str(config.seed)}
    return labels, {RUN: folder.rstrip("/"), WEIGHTS: weights, **figures}


def rows(runs: Sequence[str], measured: MeasuredFn) -> list[Row]:
    """The rows of runs, and of those of sweeps."""
    return [measured(os.path.join(run, name)) for run in runs for name in saved_in(run)]


def described(found: Iterable[Row]) -> Iterator[str]:
    """The method and the seed of each run, a line each."""
    for labels, figures in found:
        yield f"{labels['method']}, seed {labels[SEED]}: {figures[RUN]}"


def tabulated(
    found: Sequence[Row],
    lines: Iterable[str],
    settings: Sequence[str],
    table: str,
    workspace: Workspace,
) -> dict[str, Any]:
    """Logs and writes a table.

    Args:
      found: its rows.
      lines: the table for people.
      settings: figures that runs must have in common.
      table: the file for programs.
      workspace: of the comparison.

    Returns:
      The figures of all runs, and warnings where two differ in those settings, or
      where two of one method learned otherwise.
    """
    warnings = list(sweeps.unlike([figures for _, figures in found], settings))
    warnings += _unlike_learning(found)
    for warning in warnings:
        workspace.log(f"Warning: {warning}")
    for line in lines:
        workspace.log(line)
    if workspace.is_chief:
        workspace.write(table, sweeps.csv_text(found))
    return {
        "runs": [{**labels, **figures} for labels, figures in found],
        "warnings": warnings,
    }


def _unlike_learning(found: Sequence[Row]) -> Iterator[str]:
    """What tells that a method's name stands for several."""
    configs: dict[str, list[Experiment]] = {}
    for labels, figures in found:
        config = Source(figures[WEIGHTS]).config
        if config is not None:
            configs.setdefault(labels["method"], []).append(config)
    for method, (first, *others) in configs.items():
        differing = dict.fromkeys(
            path
            for other in others
            for path in differing_fields(first, other, fixed_only=False)
            if path != SEED
        )
        if differing:
            yield (
                f"Runs of {method} learned with other {', '.join(differing)} than each "
                "other; a name of its own, --set name=NAME, gives each a column."
            )


def in_columns(
    found: Sequence[Row], settings: Sequence[str], table: str, workspace: Workspace
) -> dict[str, Any]:
    """`tabulated` with a column for each method, and a line for each figure."""
    names = dict.fromkeys(name for _, figures in found for name in figures)
    shown = [name for name in names if name not in (RUN, WEIGHTS, *settings)]
    lines = sweeps.columns(found, shown)
    return tabulated(found, lines, settings, table, workspace)
