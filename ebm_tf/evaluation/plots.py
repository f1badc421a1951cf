"""Plots of what is learned and measured."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ebm_tf import pixels
from ebm_tf.evaluation.diagnosis import diagnose
from ebm_tf.runtime.loop import Action, Moment
from ebm_tf.runtime.plots import save_figure
from ebm_tf.runtime.workspace import Workspace

INCHES = 1.6


def save_comparison(
    path: str,
    columns: Mapping[str, np.ndarray],
    captions: Mapping[str, Sequence[str]],
) -> None:
    """Shows images in columns, such as natural beside attacked ones.

    Args:
      path: of the PNG.
      columns: images [n, H, W, C] in [-1, 1] by title.
      captions: a line below each image, by the titles of some columns.
    """
    num_rows = len(next(iter(columns.values())))
    size = (INCHES * len(columns), 1.2 * INCHES * num_rows)
    figure = Figure(figsize=size, layout="constrained")
    axes = figure.subplots(num_rows, len(columns), squeeze=False)
    for column, (title, images) in enumerate(columns.items()):
        axes[0, column].set_title(title, fontsize=8)
        for row, image in enumerate(pixels.to_bytes(images)):
            place = axes[row, column]
            picture = np.broadcast_to(image, (*image.shape[:2], 3))
            place.imshow(picture, interpolation="bicubic")
            place.set(xticks=[], yticks=[])
            if title in captions:
                place.set_xlabel(captions[title][row], fontsize=7)
    save_figure(figure, path)


def save_attacked(
    path: str,
    natural: np.ndarray,
    attacked: np.ndarray,
    *,
    predictions: np.ndarray,
    attacked_predictions: np.ndarray,
    attacks: Sequence[str],
) -> None:
    """Shows natural and attacked images [n, H, W, C], and their difference.

    Args:
      path: of the PNG.
      natural: in [-1, 1].
      attacked: in [-1, 1].
      predictions: int64 [n], of the natural images.
      attacked_predictions: int64 [n].
      attacks: what is said of each attacked image, such as what broke it.
    """
    difference = attacked - natural
    largest = max(float(np.abs(difference).max()), 1e-12)
    save_comparison(
        path,
        {
            "natural": natural,
            "attacked": attacked,
            f"difference x {1 / largest:.3g}": difference / largest,
        },
        {
            "natural": [f"says {value}" for value in predictions],
            "attacked": [
                f"{attack}: says {value}"
                for attack, value in zip(attacks, attacked_predictions, strict=True)
            ],
        },
    )


COLORS = {"train": "tab:orange", "validation": "tab:blue"}
PANELS = {
    "marginal": "E(x)",
    "joint": "E(x, y)",
    "delta_marginal": "E(x) - E(x*)",
    "delta_joint": "E(x, y) - E(x*, y)",
}


def save_story(
    path: str,
    lines: Sequence[Mapping[str, float]],
    selected: Mapping[str, float] | None,
) -> None:
    """Plots errors and energies over epochs, on images of learning and validation.

    Args:
      path: of the PNG.
      lines: what was measured, with an "epoch" and "train_" and "validation_" before
        the names of `evaluation.energy_statistics.story`.
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
        if selected is not None:
            place.axvline(selected["epoch"], color="black", linewidth=0.8, alpha=0.5)
    save_figure(figure, path)


def _values(lines: Sequence[Mapping[str, float]], name: str) -> np.ndarray:
    return np.array([line[name] for line in lines])


def _errors(axes: Axes, lines: Sequence[Mapping[str, float]]) -> None:
    epochs = _values(lines, "epoch")
    for part, color in COLORS.items():
        for kind, style in (("natural", "--"), ("robust", "-")):
            values = _values(lines, f"{part}_{kind}_error")
            label = f"{kind}, {part}"
            axes.plot(epochs, values, style, marker=".", color=color, label=label)
    axes.set(title="Error; the line marks the selected weights", ylim=(0, 1.02))
    axes.legend()


def _weights(axes: Axes, lines: Sequence[Mapping[str, float]]) -> None:
    epochs = _values(lines, "epoch")
    for name, style in (("weight_mean", "-"), ("positive_share", ":")):
        for part, color in COLORS.items():
            values = _values(lines, f"{part}_{name}")
            label = f"{name.replace('_', ' ')}, {part}"
            axes.plot(epochs, values, style, marker=".", color=color, label=label)
    axes.set(title="Weight by energy, share of E(x) > 0")
    axes.legend()


def _energy(
    axes: Axes, lines: Sequence[Mapping[str, float]], name: str, title: str
) -> None:
    """Mean, and the bands between the quartiles and between 5 and 95 %."""
    epochs = _values(lines, "epoch")
    for part, color in COLORS.items():
        values = _values(lines, f"{part}_{name}_mean")
        axes.plot(epochs, values, marker=".", color=color, label=part)
        for low, high in (("05", "95"), ("25", "75")):
            axes.fill_between(
                epochs,
                _values(lines, f"{part}_{name}_{low}"),
                _values(lines, f"{part}_{name}_{high}"),
                color=color,
                alpha=0.12,
            )
    if name.startswith("delta"):
        axes.axhline(0.0, color="black", linewidth=0.8)
    axes.set(title=f"{title}: mean, 25-75 % and 5-95 %")
    axes.legend()


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
        axes.hist(values, bins=min(50, int(values.max()) + 1))
        axes.set(title=f"Chains: {name}", xlabel="visits", ylabel="chains")
    save_figure(figure, path)


def plot_diagnosis(workspace: Workspace) -> Action:
    """Plots whether sampling keeps pace with learning."""

    def plot(moment: Moment) -> None:
        if len(moment.history) < 2:
            return
        names = ("energy_difference", "drift_norm")
        records = [np.array([m[name] for m in moment.history]) for name in names]
        path = workspace.path("plots", "diagnosis.png")
        save_diagnosis(path, *records, last=moment.step)

    return plot
