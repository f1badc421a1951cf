"""Alignments of several classifiers, beside their least radii."""

import statistics
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from ebm_tf.config.alignment import AlignmentMeasurement
from ebm_tf.evaluation import finished_runs
from ebm_tf.evaluation.alignment.plots import RadiiByAlignment, save_radii
from ebm_tf.evaluation.finished_runs import RUN, WEIGHTS, finished, row
from ebm_tf.runtime import sweeps
from ebm_tf.runtime.sweeps import Row
from ebm_tf.runtime.workspace import Workspace

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
    _, results = finished(folder, AlignmentMeasurement)
    alignments = results["alignments"]["all"]
    names = [n for n in (ALPHA, "alpha_x", "estimate_cosine") if n in alignments]
    figures = {"accuracy": results["accuracy"]}
    figures |= {name: alignments[name]["mean"] for name in names}
    for name, found in results.get("searches", {}).items():
        figures[_MEDIAN + name] = found["median_radius"]
    figures[HALF] = _half_difference(results["norms"].values())
    figures |= {name: results[name] for name in _SETTINGS}
    return row(folder, results["weights"], figures)


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
    rows = finished_runs.rows(runs, measured)
    hidden = (RUN, WEIGHTS, HALF, *_SETTINGS)
    shown = [name for name in rows[0][1] if name not in hidden]
    if workspace.is_chief:
        searches = [name for name in shown if name.startswith(_MEDIAN)]
        for name, radii in zip(searches, _points(rows, searches), strict=True):
            if radii.points:
                path = workspace.path("plots", f"{name}_by_alpha.png")
                save_radii(path, name, radii)
    lines = sweeps.lines(rows, shown)
    return finished_runs.tabulated(rows, lines, _SETTINGS, TABLE, workspace)


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
