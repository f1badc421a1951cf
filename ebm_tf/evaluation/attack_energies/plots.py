"""Pictures of energies under attack: histograms by attack, violins by classifier."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ebm_tf.evaluation.energy_statistics import Energies
from ebm_tf.runtime.plots import save_figure

NUM_BINS = 120
_NATURAL, _ATTACKED = "tab:blue", "tab:red"
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
    return np.linspace(low, high if high > low else low + 1.0, NUM_BINS + 1)


def _overlay(
    axes: Axes, pair: tuple[np.ndarray, np.ndarray], edges: np.ndarray
) -> None:
    for values, color, label in zip(
        pair, (_NATURAL, _ATTACKED), ("natural", "attacked"), strict=True
    ):
        counts, _ = np.histogram(np.clip(values, edges[0], edges[-1]), edges)
        axes.stairs(counts, edges, color=color, fill=True, alpha=0.4, label=label)
        axes.stairs(counts, edges, color=color, linewidth=0.8)
