"""Pictures of gradients and directions, histograms, and ways to errors."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from matplotlib.figure import Figure

from ebm_tf import pixels
from ebm_tf.evaluation.batch_files import Arrays
from ebm_tf.evaluation.plots import save_columns
from ebm_tf.runtime.plots import save_curves, save_figure
from ebm_tf.runtime.workspace import Workspace

TITLES = {
    "alpha_dx": "alpha of the direction x' - x",
    "alpha_x": "alpha of the image x",
    "estimate_cosine": "cosine of estimated and true direction",
}
_BINS = 40
_ABOVE = 1.1  # where an axis ends, in units of its largest value


class RadiiByAlignment(NamedTuple):
    """Median radii of classifiers, and what their alignments would have them be.

    Attributes:
      points: of each method, a pair (alpha, median radius) for each run.
      slope: of the line that is expected; none is drawn if None.
    """

    points: Mapping[str, Sequence[tuple[float, float]]]
    slope: float | None


def save_directions(
    workspace: Workspace, images: np.ndarray, labels: np.ndarray, found: Arrays
) -> None:
    """Writes images, their gradients, directions and where these lead, a row each.

    Gradients and directions are scaled by their own largest entries, so that 0 is grey.

    Args:
      workspace: of the run.
      images: float32 [n, H, W, C].
      labels: int64 [n].
      found: the arrays of `gradients.gradient_rows`.
    """
    captions = [
        f"class {label}, closest {wrong}"
        for label, wrong in zip(labels, found["wrong"], strict=False)
    ]
    columns = {
        "x": images,
        "gradient": _scaled(found["gradient"]),
        "x' - x": _scaled(found["differences"]),
        "x'": images + found["differences"],
    }
    if "estimate" in found:
        columns["estimated x' - x"] = _scaled(found["estimate"])
        columns["estimated x'"] = images + found["estimate"]
    save_columns(
        workspace.path("images", "directions.png"),
        {
            title: (pixels.pictured(values), [] if place else captions)
            for place, (title, values) in enumerate(columns.items())
        },
    )


def _scaled(images: np.ndarray) -> np.ndarray:
    return images / np.maximum(np.abs(images).max((1, 2, 3), keepdims=True), 1e-30)


def save_histograms(path: str, found: Arrays) -> None:
    """Plots histograms of alignments, and of the cosines of estimates, with means.

    Args:
      path: of the PNG.
      found: the arrays of `gradients.gradient_rows`.
    """
    shown = [name for name in TITLES if name in found]
    figure = Figure(figsize=(4.2 * len(shown), 3.4), layout="constrained")
    for axes, name in zip(figure.subplots(1, len(shown)), shown, strict=True):
        cosines = found[name]
        ends = min(0.0, float(cosines.min())), max(0.2, float(cosines.max()))
        axes.hist(cosines, np.linspace(*ends, _BINS + 1), color="tab:blue")
        axes.axvline(cosines.mean(), color="black", linewidth=1.0)
        axes.set(title=f"mean {cosines.mean():.3f}", xlabel=TITLES[name])
    figure.axes[0].set_ylabel("images")
    save_figure(figure, path)


def save_accuracies(path: str, name: str, curve: Sequence[Mapping[str, Any]]) -> None:
    """Plots accuracies over radii, as `robustness.curve` gives them."""
    across, up = ([point[key] for point in curve] for key in ("epsilon", "accuracy"))
    labels = "radius, in units of images in [-1, 1]", "accuracy"
    save_curves(path, {name: (across, up)}, labels=labels)


def save_linearity(path: str, linear: np.ndarray, ways: np.ndarray) -> None:
    """Plots linear distances [n] over ways [n] to the nearest errors."""
    figure = Figure(figsize=(5, 4.6), layout="constrained")
    axes = figure.subplots()
    most = 1.05 * max(linear.max(), ways.max())
    axes.plot([0, most], [0, most], color="grey", linewidth=0.8)
    axes.plot(ways, linear, ".", alpha=0.5)
    axes.set(
        xlabel="way to the nearest error (Carlini and Wagner)",
        ylabel="least linear distance",
        xlim=(0, most),
        ylim=(min(0.0, linear.min()), most),
    )
    save_figure(figure, path)


def save_score_curve(
    path: str, radii: np.ndarray, scores: np.ndarray, zoomed: slice
) -> None:
    """Plots the scores [n] of points over their radii, all and a part of them."""
    figure = Figure(figsize=(9, 3.6), layout="constrained")
    for axes, part in zip(figure.subplots(1, 2), (slice(None), zoomed), strict=True):
        for radius in (1.0, 1.3):
            axes.axvline(radius, color="grey", linewidth=0.8)
        axes.plot(radii[part], scores[part])
        axes.set(xlabel="length of x", ylabel="p(y = 1 | x)", ylim=(-0.05, 1.05))
    figure.axes[0].set_xscale("log")
    figure.axes[0].xaxis.set_major_formatter("{x:g}")
    save_figure(figure, path)


def save_radii(path: str, name: str, radii: RadiiByAlignment) -> None:
    """Plots the median radii of a search over alpha, a color for each method."""
    figure = Figure(figsize=(5.5, 4.2), layout="constrained")
    axes = figure.subplots()
    if radii.slope is not None:
        label = f"{radii.slope:.3g} alpha"
        axes.axline((0, 0), slope=radii.slope, color="grey", linewidth=0.8, label=label)
    for method, pairs in radii.points.items():
        axes.plot(*zip(*pairs, strict=True), "o", alpha=0.7, label=method)
    all_pairs = np.array([pair for pairs in radii.points.values() for pair in pairs])
    right, top = _ABOVE * all_pairs.max(0)
    axes.set(xlabel=TITLES["alpha_dx"], ylabel=name, xlim=(0, right), ylim=(0, top))
    axes.legend(fontsize=8)
    save_figure(figure, path)
