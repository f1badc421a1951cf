"""Pictures of energies under attack: histograms by attack, violins by classifier."""

from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ebm_tf.evaluation.energy_statistics import DIFFERENCES, Energies
from ebm_tf.runtime.plots import save_figure

FEWEST_BINS, MOST_BINS = 20, 200
_NATURAL, _ATTACKED = "tab:blue", "tab:red"
_COLORS = ("tab:orange", "tab:green")  # of the two halves of a violin
_QUARTILES, _LENGTHS = (0.25, 0.5, 0.75), (0.08, 0.2, 0.08)
# What lies beyond for every attack goes into the outermost bins.
_TAIL = 0.002


def save_energies(path: str, by_attack: Mapping[str, Energies]) -> None:
    """Overlays histograms of natural and attacked energies, a row for each attack.

    All panels of a column have the same bins.

    Args:
      path: of the PNG.
      by_attack: energies by the title of the attack; what is not finite is left out.
    """
    rows = len(by_attack)
    figure = Figure(figsize=(11, 1.2 + 1.9 * rows), layout="constrained")
    axes = figure.subplots(rows, 2, squeeze=False, sharex="col")
    for column, (kind, label) in enumerate(
        [("marginal", "E(x)"), ("joint", "E(x, y)")]
    ):
        pairs = {title: _pair(found, kind) for title, found in by_attack.items()}
        edges = _edges(list(pairs.values()))
        for place, (title, pair) in zip(axes[:, column], pairs.items(), strict=True):
            _overlay(place, pair, edges)
            place.set_title(title, fontsize=9)
        axes[-1, column].set_xlabel(label)
    for place in axes[:, 0]:
        place.set_ylabel("images")
    handles, labels = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=2)
    save_figure(figure, path)


def _pair(found: Energies, kind: str) -> tuple[np.ndarray, np.ndarray]:
    """Natural and attacked energies of a kind, where both are finite."""
    columns, finite = found.columns(), found.finite
    return columns[kind][finite], columns[f"attacked_{kind}"][finite]


def _edges(pairs: Sequence[tuple[np.ndarray, np.ndarray]]) -> np.ndarray:
    """Bins for all values, but for those that are far out everywhere."""
    ends = [
        np.quantile(values, [_TAIL, 1.0 - _TAIL])
        for pair in pairs
        for values in pair
        if values.size
    ]
    low, high = (np.min(ends), np.max(ends)) if ends else (0.0, 1.0)
    most = max(values.size for pair in pairs for values in pair)
    num = int(np.clip(3.0 * np.sqrt(most), FEWEST_BINS, MOST_BINS))
    return np.linspace(low, high if high > low else low + 1.0, num + 1)


def _overlay(
    axes: Axes, pair: tuple[np.ndarray, np.ndarray], edges: np.ndarray
) -> None:
    for values, color, label in zip(
        pair, (_NATURAL, _ATTACKED), ("natural", "attacked"), strict=True
    ):
        counts, _ = np.histogram(np.clip(values, edges[0], edges[-1]), edges)
        axes.stairs(counts, edges, color=color, fill=True, alpha=0.4, label=label)
        axes.stairs(counts, edges, color=color, linewidth=0.8)


class Violin(NamedTuple):
    """A classifier beside others.

    Attributes:
      caption: its name and accuracies.
      marginal: E(x) - E(x*), finite float64 [n].
      joint: E(x, y) - E(x*, y), finite float64 [n].
    """

    caption: str
    marginal: np.ndarray
    joint: np.ndarray


def save_violins(path: str, title: str, violins: Sequence[Violin]) -> None:
    """Plots split violins: E(x) - E(x*) on the left, E(x, y) - E(x*, y) on the right.

    Each half has a bar at the median and short ones at the other quartiles; all are
    equally wide, whatever their spread.

    Args:
      path: of the PNG.
      title: of the figure.
      violins: from left to right.
    """
    figure = Figure(figsize=(1.6 + 1.9 * len(violins), 5.5), layout="constrained")
    axes = figure.subplots()
    axes.axhline(0.0, color="black", linewidth=0.8)
    _halves(axes, [v.marginal for v in violins], "low", _COLORS[0])
    _halves(axes, [v.joint for v in violins], "high", _COLORS[1])
    for color, label in zip(_COLORS, DIFFERENCES.values(), strict=True):
        axes.fill_between([], [], color=color, alpha=0.5, label=label)
    captions = [violin.caption for violin in violins]
    axes.set_xticks(range(len(violins)), captions, fontsize=8)
    axes.set(title=title, ylabel="natural less attacked energy")
    axes.legend(loc="best", fontsize=8)
    save_figure(figure, path)


def _halves(
    axes: Axes, values: Sequence[np.ndarray], side: Literal["low", "high"], color: str
) -> None:
    """Draws one half of each violin, at 0, 1, ..."""
    direction = -1.0 if side == "low" else 1.0
    for place, own in enumerate(values):
        axes.violinplot(own, [place], widths=0.85, side=side, showextrema=False)
        axes.collections[-1].set(facecolor=color, edgecolor=color, alpha=0.5)
        for level, length in zip(np.quantile(own, _QUARTILES), _LENGTHS, strict=True):
            end = place + direction * length
            axes.plot([place, end], [level, level], color="black", linewidth=1.0)
