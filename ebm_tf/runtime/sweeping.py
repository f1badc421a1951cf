"""Runs that differ in a few settings, one after the other in the folder of a sweep."""

import json
import os
from collections.abc import Callable, Sequence
from typing import Any

from ebm_tf.config.core import Experiment
from ebm_tf.errors import DivergenceError
from ebm_tf.runtime import files, plots, run_folders, sweeps
from ebm_tf.runtime.distribution import forget_programs
from ebm_tf.runtime.sweeps import Axes, Row, Runs
from ebm_tf.runtime.workspace import SWEEP, Workspace

TABLE = "sweep.csv"
MOST_PLOTTED = 6


def begin(workspace: Workspace, axes: Axes, runs: Runs) -> None:
    """Writes what is to be run, and the folder of each run.

    Raises:
      RunError: if a folder cannot be written.
    """
    for name, config in runs.items():
        run_folders.begin(workspace.part(name), config)
    about = {"settings": axes, "runs": list(runs)}
    workspace.write(SWEEP, json.dumps(about, indent=2) + "\n")


def is_left(workspace: Workspace, saved: Runs, runs: Runs) -> bool:
    """Whether a sweep is not finished, or its runs are to go on."""
    return workspace.results() is None or dict(saved) != dict(runs)


def run(
    runs: Runs,
    saved: Runs,
    carry_out: Callable[[Experiment, Workspace], Any],
    workspace: Workspace,
) -> dict[str, Any]:
    """Carries out what is not finished, and compares all.

    A run whose learning diverges too often is reported, and the next one begins.

    Args:
      runs: the experiments by the names of their folders.
      saved: likewise, as they were where the sweep goes on.
      carry_out: runs one, and writes its results.
      workspace: of the sweep.

    Returns:
      On the first worker, the numbers of all runs.
    """
    diverged = {}
    for index, (name, config) in enumerate(runs.items()):
        part = workspace.part(name)
        if saved and not part.go_on(saved[name], config):
            continue
        workspace.log(f"{name}: run {index + 1} of {len(runs)}")
        try:
            carry_out(config, part)
        except DivergenceError as stop:
            part.log(str(stop))
            diverged[name] = str(stop)
        finally:
            part.write_waiting()
        forget_programs()
    if not workspace.is_chief:
        return {}
    name = next(iter(runs.values())).name
    results = {"name": name, **_compared(list(runs), workspace), "diverged": diverged}
    workspace.write_results(results)
    return results


def _compared(names: Sequence[str], workspace: Workspace) -> dict[str, Any]:
    """Writes the table and the picture of finished runs."""
    axes = files.read_json(os.path.join(workspace.folder, SWEEP))["settings"]
    rows: list[Row] = []
    for name, pairs in zip(names, sweeps.combinations(axes), strict=True):
        labels = {setting: sweeps.label(value) for setting, value in pairs}
        rows.append((labels, workspace.part(name).results() or {}))
    workspace.write(TABLE, sweeps.csv_text(rows))
    shown = sweeps.compared(rows)
    for line in sweeps.lines(rows, shown[:MOST_PLOTTED]):
        workspace.log(line)
    if shown:
        path = workspace.path("plots", "sweep.png")
        plots.save_groups(path, _panels(rows, shown[:MOST_PLOTTED]))
    return {
        "settings": axes,
        "runs": [{"run": n, **row[1]} for n, row in zip(names, rows, strict=True)],
    }


def _panels(rows: Sequence[Row], names: Sequence[str]) -> plots.Groups:
    """What `plots.save_groups` draws: across is the first setting besides the seed."""
    settings = [setting for setting in rows[0][0] if setting != sweeps.SEED]
    across = settings[0] if settings else ""
    panels: dict[str, dict[str, dict[str, list[float]]]] = {name: {} for name in names}
    for key, group in sweeps.grouped(rows).items():
        place, *rest = key or (f"{len(group)} runs",)
        others = zip(settings[1:], rest, strict=True)
        line = ", ".join(f"{setting}={text}" for setting, text in others)
        for name in names:
            values = [sweeps.number(results.get(name)) for results in group]
            kept = [value for value in values if value is not None]
            panels[name].setdefault(line, {})[place] = kept
    return plots.Groups(across, panels)
