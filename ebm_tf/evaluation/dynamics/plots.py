"""How energies move while classifiers learn: an animation, and curves over epochs."""

from collections.abc import Iterator, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ebm_tf.config.dynamics import TEST, TRAIN
from ebm_tf.evaluation.dynamics.tracks import Moment, Track
from ebm_tf.evaluation.energy_statistics import Energies
from ebm_tf.runtime.plots import save_figure, save_figures

_COLUMNS = 3
_STYLES = {TRAIN: "--", TEST: "-"}
_PANELS = {
    "delta_marginal_mean": "mean of E(x) - E(x*)",
    "robust_error": "robust error; the circle marks the lowest on test images",
    "delta_joint_mean": "mean of E(x, y) - E(x*, y)",
    "marginal_mean": "mean of E(x)",
}
# Of the points, this share lies beyond each end of the axes at most.
_BEYOND = 0.0002

Limits = tuple[float, float]


def save_curves(path: str, tracks: Sequence[Track]) -> None:
    """Plots mean energies and the robust error over epochs, with 95 % intervals."""
    figure = Figure(figsize=(12, 8.5), layout="constrained")
    for axes, (name, title) in zip(
        figure.subplots(2, 2).flat, _PANELS.items(), strict=True
    ):
        for index, track in enumerate(tracks):
            for part in _STYLES:
                _curve(axes, track, part, name, f"C{index}")
        if name.startswith("delta"):
            axes.axhline(0.0, color="black", linewidth=0.8)
        axes.set(title=title, xlabel="epoch")
    handles, labels = figure.axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=4)
    save_figure(figure, path)


def _curve(axes: Axes, track: Track, part: str, name: str, color: str) -> None:
    epochs = [row["epoch"] for row in track.rows]
    values = [row[f"{part}_{name}"] for row in track.rows]
    low, high = np.transpose([row[f"{part}_{name}_interval"] for row in track.rows])
    label = f"{track.name}, {part}"
    axes.plot(epochs, values, _STYLES[part], color=color, label=label)
    axes.fill_between(epochs, low, high, color=color, alpha=0.12, linewidth=0)
    if name == "robust_error" and part == TEST:
        best = int(np.argmin(values))
        axes.plot(epochs[best], values[best], "o", color=color, fillstyle="none")


def save_animation(
    path: str, tracks: Sequence[Track], part: str, num_shown: int, milliseconds: int
) -> None:
    """Writes the points (E(x), E(x, y)) over epochs as a GIF, a panel for each run.

    An arrow leads from each natural image to the attacked one. All frames and panels
    have the same axes; below the diagonal there is nothing, as E(x, y) - E(x) is the
    cross-entropy.

    Args:
      path: of the GIF.
      tracks: of the runs.
      part: the set of images.
      num_shown: the first so many of them.
      milliseconds: of a frame.
    """
    figures = _frames(tracks, part, num_shown)
    save_figures(path, figures, milliseconds=milliseconds)


def save_last_frame(
    path: str, tracks: Sequence[Track], part: str, num_shown: int
) -> None:
    """Writes the last frame of the animation as a PNG."""
    epoch = max(track.moments[-1].epoch for track in tracks)
    limits = _limits(tracks, part, num_shown)
    save_figure(_frame(tracks, epoch, part, num_shown, limits), path)


def _frames(tracks: Sequence[Track], part: str, num: int) -> Iterator[Figure]:
    limits = _limits(tracks, part, num)
    for epoch in sorted({one.epoch for track in tracks for one in track.moments}):
        yield _frame(tracks, epoch, part, num, limits)


def _frame(
    tracks: Sequence[Track],
    epoch: float,
    part: str,
    num: int,
    limits: tuple[Limits, Limits],
) -> Figure:
    columns = min(len(tracks), _COLUMNS)
    rows = -(-len(tracks) // columns)
    figure = Figure(figsize=(4.6 * columns + 0.3, 4.9 * rows), layout="constrained")
    places = figure.subplots(rows, columns, squeeze=False).flat
    for axes in places[len(tracks) :]:
        axes.set_axis_off()
    for axes, track in zip(places, tracks, strict=False):
        _panel(axes, track.name, track.until(epoch), part, num)
        axes.set(xlim=limits[0], ylim=limits[1], xlabel="E(x)", ylabel="E(x, y)")
    figure.suptitle(f"epoch {epoch:.3g}, {part} images")
    handles, labels = figure.axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=3)
    return figure


def _panel(axes: Axes, name: str, moment: Moment, part: str, num: int) -> None:
    across, up, right, above = _points(moment.energies[part], num)
    wrong = moment.robust_errors[part][:num]
    axes.axline((0, 0), slope=1, color="black", linewidth=0.8, alpha=0.4)
    for of, color, label in (
        (~wrong, "tab:blue", "attacked: right"),
        (wrong, "tab:red", "attacked: wrong"),
    ):
        moved = (right - across)[of], (above - up)[of]
        exact = {"angles": "xy", "scale_units": "xy", "scale": 1.0}
        slim = {"width": 0.0025, "headwidth": 5, "alpha": 0.55}
        axes.quiver(
            across[of], up[of], *moved, color=color, label=label, **exact, **slim
        )
    axes.plot(across, up, ".", color="black", markersize=3, label="natural")
    row = moment.row
    axes.set_title(
        f"{name}: robust error {row[f'{part}_robust_error']:.3f}\n"
        f"mean E(x) - E(x*) {row[f'{part}_delta_marginal_mean']:.3f}",
        fontsize=10,
    )


def _points(energies: Energies, num: int) -> tuple[np.ndarray, ...]:
    """E(x) and E(x, y) of natural and of attacked images, [num] each."""
    of = Energies(*(values[:num] for values in energies))
    attacked = of.marginal - of.delta_marginal, of.joint - of.delta_joint
    return of.marginal, of.joint, *attacked


def _limits(tracks: Sequence[Track], part: str, num: int) -> tuple[Limits, Limits]:
    """The ends of both axes, for all moments of all runs."""
    points = [
        _points(moment.energies[part], num)
        for track in tracks
        for moment in track.moments
    ]
    across, up = (
        np.concatenate([np.concatenate(one[start::2]) for one in points])
        for start in (0, 1)
    )
    return _ends(across), _ends(up)


def _ends(values: np.ndarray) -> Limits:
    low, high = np.quantile(values[np.isfinite(values)], [_BEYOND, 1.0 - _BEYOND])
    margin = 0.05 * (high - low) or 1.0
    return float(low - margin), float(high + margin)
