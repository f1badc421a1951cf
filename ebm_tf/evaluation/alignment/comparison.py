"""Alignments of several classifiers, beside their least radii."""

import os
import statistics
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from ebm_tf.config.alignment import AlignmentMeasurement
from ebm_tf.errors import ConfigError
from ebm_tf.evaluation.alignment.plots import RadiiByAlignment, save_radii
from ebm_tf.runtime import sweeps
from ebm_tf.runtime.resuming import saved_in
from ebm_tf.runtime.run_folders import read_config, reopen
from ebm_tf.runtime.sweeps import SEED, Row
from ebm_tf.runtime.workspace import Workspace
from ebm_tf.store.sources import Source

TABLE = "alignments.csv"
ALPHA = "alpha_dx"
# Half of the mean length of x' - x. Where a border lies in the middle of it, a gradient
# of alignment alpha finds a linear classifier's border after alpha times so far.
HALF = "half_difference"
_MEDIAN = "eps50_"
_SETTINGS = ("data", "split", "num_images")  # what two runs must have in common


def measured(folder: str) -> Row:
    """What a finished run of `align.py` has found.

    Returns:
      The method and the seed that its classifier learned by, and the run's figures:
      accuracy, means of alignments, and of each search the median radius, or None where
      more than half of the images were never broken.

    Raises:
      UserError: if it is no such run, or not finished.
    """
    config, results = read_config(folder), reopen(folder).results()
    if not isinstance(config, AlignmentMeasurement) or results is None:
        raise ConfigError(f"{folder} is not a finished run of align.py.")
    alignments = results["alignments"]["all"]
    names = [n for n in (ALPHA, "alpha_x", "estimate_cosine") if n in alignments]
    figures: dict[str, Any] = {
        "run": folder.rstrip("/"),
        "accuracy": results["accuracy"],
    }
    figures |= {name: alignments[name]["mean"] for name in names}
    for name, found in results.get("searches", {}).items():
        figures[_MEDIAN + name] = found["median_radius"]
    figures[HALF] = _half_difference(results["norms"].values())
    figures |= {name: results[name] for name in _SETTINGS}
    return _learned_by(results["weights"]), figures


def _learned_by(weights: str) -> Mapping[str, str]:
    """The name of its config and its seed; of a file without a run, its path."""
    config = Source(weights).config
    if config is None:
        return {"method": weights, SEED: "-"}
    return {"method": config.name, SEED: str(config.seed)}


def _half_difference(by_label: Iterable[Mapping[str, Any]]) -> float:
    parts = [(one["num_images"], one["difference"]["mean"]) for one in by_label]
    return sum(n * mean for n, mean in parts) / sum(n for n, _ in parts) / 2


def compared(runs: Sequence[str], workspace: Workspace) -> dict[str, Any]:
    """A table of the methods, with intervals over their seeds, and a figure.

    Args:
      runs: folders of finished runs of `align.py`, or of sweeps of them.
      workspace: of the comparison.

    Returns:
      The figures of all runs, and warnings where two are of different images.
    """
    rows = [measured(folder) for folder in _folders(runs)]
    warnings = list(sweeps.unlike([found for _, found in rows], _SETTINGS))
    for warning in warnings:
        workspace.log(f"Warning: {warning}")
    shown = [name for name in rows[0][1] if name not in ("run", HALF, *_SETTINGS)]
    for line in sweeps.lines(rows, shown):
        workspace.log(line)
    if workspace.is_chief:
        workspace.write(TABLE, sweeps.csv_text(rows))
        searches = [name for name in shown if name.startswith(_MEDIAN)]
        for name, radii in zip(searches, _points(rows, searches), strict=True):
            if radii.points:
                path = workspace.path("plots", f"{name}_by_alpha.png")
                save_radii(path, name, radii)
    return {
        "runs": [{**labels, **found} for labels, found in rows],
        "warnings": warnings,
    }


def described(runs: Sequence[str]) -> Iterator[str]:
    """The method and the seed of each run, a line each."""
    for labels, found in map(measured, _folders(runs)):
        yield f"{labels['method']}, seed {labels[SEED]}: {found['run']}"


def _folders(runs: Sequence[str]) -> list[str]:
    return [os.path.join(run, name) for run in runs for name in saved_in(run)]


def _points(rows: Sequence[Row], searches: Sequence[str]) -> Iterator[RadiiByAlignment]:
    """What is drawn of each search."""
    for name in searches:
        points: dict[str, list[tuple[float, float]]] = {}
        for labels, found in rows:
            if found.get(name) is not None:
                pair = found[ALPHA], found[name]
                points.setdefault(labels["method"], []).append(pair)
        half = statistics.fmean(found[HALF] for _, found in rows)
        yield RadiiByAlignment(points, half if name.endswith("_l2") else None)
