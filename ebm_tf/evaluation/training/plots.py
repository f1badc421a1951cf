"""Plots of how learning went."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ebm_tf.evaluation.energy_statistics import DIFFERENCES
from ebm_tf.evaluation.training.diagnosis import diagnose
from ebm_tf.runtime.actions import now_and_then
from ebm_tf.runtime.loop import Action, Moment, every
from ebm_tf.runtime.plots import save_figure
from ebm_tf.runtime.workspace import Workspace

Lines = Sequence[Mapping[str, float]]
COLORS = {"train": "tab:orange", "validation": "tab:blue"}
PANELS = {"marginal": "E(x)", "joint": "E(x, y)", **DIFFERENCES}


def save_training_curves(
    path: str, lines: Lines, selected: Mapping[str, float] | None
) -> None:
    """Plots errors and energies over epochs, on images of learning and validation.

    Args:
      path: of the PNG.
      lines: metrics with an "epoch" and "train_" and "validation_" before the names of
        `energy_statistics.training_curves`.
      selected: the line of the selected weights, which is marked; none if None.
    """
    figure = Figure(figsize=(15, 8), layout="constrained")
    axes = figure.subplots(2, 3)
    _errors(axes[0, 0], lines)
    _weights(axes[1, 0], lines)
    places = (axes[0, 1], axes[0, 2], axes[1, 1], axes[1, 2])
    for place, (name, title) in zip(places, PANELS.items(), strict=True):
        _energy(place, lines, name, title)
    for place in axes.flat:
        place.set(xlabel="epoch")
        place.legend()
        if selected is not None:
            place.axvline(selected["epoch"], color="black", linewidth=0.8, alpha=0.5)
    save_figure(figure, path)


def _values(lines: Lines, name: str) -> np.ndarray:
    return np.array([line[name] for line in lines])


def _plot(axes: Axes, lines: Lines, name: str, style: str, label: str) -> None:
    color = COLORS[name.partition("_")[0]]
    epochs, values = _values(lines, "epoch"), _values(lines, name)
    axes.plot(epochs, values, style, marker=".", color=color, label=label)


def _errors(axes: Axes, lines: Lines) -> None:
    for part in COLORS:
        for kind, style in (("natural", "--"), ("robust", "-")):
            _plot(axes, lines, f"{part}_{kind}_error", style, f"{kind}, {part}")
    axes.set(title="Error; the line marks the selected weights", ylim=(0, 1.02))


def _weights(axes: Axes, lines: Lines) -> None:
    for name, style in (("weight_mean", "-"), ("positive_share", ":")):
        for part in COLORS:
            label = f"{name.replace('_', ' ')}, {part}"
            _plot(axes, lines, f"{part}_{name}", style, label)
    axes.set(title="Weight by energy, share of E(x) > 0")


def _energy(axes: Axes, lines: Lines, name: str, title: str) -> None:
    """Mean, and the bands between the quartiles and between 5 and 95 %."""
    epochs = _values(lines, "epoch")
    for part, color in COLORS.items():
        _plot(axes, lines, f"{part}_{name}_mean", "-", part)
        for low, high in (("05", "95"), ("25", "75")):
            below = _values(lines, f"{part}_{name}_{low}")
            above = _values(lines, f"{part}_{name}_{high}")
            axes.fill_between(epochs, below, above, color=color, alpha=0.12)
    if name.startswith("delta"):
        axes.axhline(0.0, color="black", linewidth=0.8)
    axes.set(title=f"{title}: mean, 25-75 % and 5-95 %")


def save_diagnosis(
    path: str, energy_differences: np.ndarray, gradient_norms: np.ndarray, last: int
) -> None:
    """Plots records [N] of learning, N >= 2, and their correlations.

    Args:
      path: of the PNG.
      energy_differences: the contrastive loss of each update.
      gradient_norms: mean drift at the last Langevin step of each update.
      last: the update of the last record.
    """
    figure = Figure(figsize=(11, 8), layout="constrained")
    axes = figure.subplots(2, 2)
    updates = np.arange(last - len(energy_differences), last) + 1
    axes[0, 0].plot(updates, energy_differences, linewidth=0.6)
    axes[0, 0].axhline(0.0, color="black", linewidth=0.8)
    axes[0, 0].set(title="Energy difference, data - samples", xlabel="update")
    axes[0, 1].plot(updates, gradient_norms, linewidth=0.6, color="tab:orange")
    axes[0, 1].set(title="Drift per Langevin step", xlabel="update")
    result = diagnose(energy_differences, gradient_norms)
    axes[1, 0].bar(result.lags, result.cross)
    axes[1, 0].set(
        title="Cross-correlation: energy difference after drift",
        xlabel="lag in updates",
    )
    lags = np.arange(len(result.energy))
    axes[1, 1].bar(lags - 0.2, result.energy, width=0.4, label="energy difference")
    axes[1, 1].bar(lags + 0.2, result.gradient, width=0.4, label="drift")
    axes[1, 1].set(title="Autocorrelation", xlabel="lag in updates")
    axes[1, 1].legend()
    save_figure(figure, path)


def save_ages(path: str, ages: Mapping[str, np.ndarray]) -> None:
    """Plots histograms of the ages of chains, in visits, one for each name."""
    figure = Figure(figsize=(5 * len(ages), 4), layout="constrained")
    for axes, (name, values) in zip(
        figure.subplots(1, len(ages), squeeze=False)[0], ages.items(), strict=True
    ):
        counts, *_ = axes.hist(values, bins=min(50, int(values.max()) + 1))
        if np.max(counts) > 0.5 * len(values):  # beside which nothing else is seen
            axes.set_yscale("log")
        axes.set(title=f"Chains: {name}", xlabel="visits", ylabel="chains")
    save_figure(figure, path)


def plot_diagnosis(workspace: Workspace, period: int, total: int) -> Action:
    """Plots whether sampling keeps pace with learning.

    Args:
      workspace: the run's folder.
      period: plots at its multiples, but not twice within seconds.
      total: the last update, which is always plotted.
    """

    def plot(moment: Moment) -> None:
        if len(moment.history) < 2:
            return
        names = ("energy_difference", "drift_norm")
        records = [np.array([m[name] for m in moment.history]) for name in names]
        path = workspace.path("plots", "diagnosis.png")
        save_diagnosis(path, *records, last=moment.step)

    return every(period, now_and_then(plot, total), total)
