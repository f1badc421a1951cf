"""Measurements of several classifiers, in the order of what is left of them."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ebm_tf.config.robustness import RobustnessMeasurement
from ebm_tf.errors import ConfigError
from ebm_tf.evaluation.finished_runs import finished
from ebm_tf.evaluation.leaderboard import plots
from ebm_tf.evaluation.leaderboard.summaries import TITLES
from ebm_tf.runtime.sweeps import unlike
from ebm_tf.runtime.workspace import Workspace

FILE = "leaderboard.md"
# What figures of two measurements must have in common.
_ALIKE = ("data", "split", "subset", "num_images", "norm", "radius", "attacks", "seed")
Row = Mapping[str, Any]


def measured(folder: str) -> dict[str, Any]:
    """The summary of a finished run of `attack.py`, with its folder under "run".

    Raises:
      UserError: if it is none, is not finished, or is of a version without summaries.
    """
    _, results = finished(folder, RobustnessMeasurement, " on a classifier")
    if "summary" not in results:
        raise ConfigError(
            f"The results of {folder} have no summary: an earlier version made them; "
            "run ebm_tf/attack.py again."
        )
    return results["summary"] | {"run": folder}


def ranked(rows: Sequence[Row], workspace: Workspace) -> dict[str, Any]:
    """The rows, the best first, and on the first worker a table and a figure of them.

    The order is that of "robust", what is left after all attacks, and then of "clean".
    """
    order = sorted(rows, key=lambda row: (-row["robust"], -row["clean"]))
    warnings = list(_warnings(order))
    for warning in warnings:
        workspace.log(f"Warning: {warning}")
    text = table(order)
    workspace.log(f"\n{text}")
    if workspace.is_chief:
        workspace.write(FILE, text)
        path = workspace.path("plots", "leaderboard.png")
        plots.save_leaderboard(path, order, measures_of(order))
    return {"classifiers": list(order), "warnings": warnings}


def measures_of(rows: Sequence[Row]) -> dict[str, str]:
    """The accuracies that any row has, with their titles."""
    return {
        name: title
        for name, title in TITLES.items()
        if any(name in row for row in rows)
    }


def table(rows: Sequence[Row]) -> str:
    """The rows as a table of Markdown, accuracies in percent with their intervals."""
    measures = measures_of(rows)
    head = ["", "model", *measures.values(), "ball", "images", "warnings"]
    lines = [head, ["---"] * len(head)]
    for place, row in enumerate(rows, start=1):
        figures = [_figure(row, name) for name in measures]
        ball = f"{row['norm']} {row['radius']}"
        facts = [ball, f"{row['num_images']:,}", str(row["warnings"])]
        lines.append([str(place), row["model"], *figures, *facts])
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


def _figure(row: Row, name: str) -> str:
    if name not in row:
        return ""
    low, high = row[f"{name}_interval"]
    return f"{100 * row[name]:.1f} ({100 * low:.1f} to {100 * high:.1f})"


def _warnings(rows: Sequence[Row]) -> Iterator[str]:
    """Reasons not to compare figures, or not to believe them, as sentences."""
    yield from unlike(rows, _ALIKE)
    for row in rows:
        if count := row["warnings"]:
            yield f"{row['run']} has {count} warning{'s' * (count > 1)} of its own."
