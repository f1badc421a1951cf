"""Pictures and plots as files.

Here and in the modules `figures` of the folders beside, matplotlib is known.
"""

import io
import math
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from ebm_tf import pixels
from ebm_tf.evaluation.diagnosis import diagnose
from ebm_tf.runtime.files import replace_file

LEAST_CELL = 64
GAP = 2


def grid(images: np.ndarray) -> np.ndarray:
    """Tiles the first floor(sqrt(n))^2 images [n, H, W, C] into bytes [H', W', 3].

    Small images are enlarged smoothly: eight pixels that stay sharp are hard to read.
    """
    side = max(1, math.isqrt(len(images)))
    tiles = [_tile(image) for image in pixels.to_bytes(images[: side**2])]
    rows = [np.hstack(tiles[start : start + side]) for start in range(0, side**2, side)]
    return np.vstack(rows)


def _tile(image: np.ndarray) -> np.ndarray:
    """An image [H, W, C] in bytes as a cell [H', W', 3] with a gap on two sides."""
    picture = Image.fromarray(np.broadcast_to(image, (*image.shape[:2], 3)).copy())
    factor = -(-LEAST_CELL // image.shape[0])
    picture = picture.resize(
        (factor * image.shape[1], factor * image.shape[0]), Image.Resampling.BICUBIC
    )
    gaps = ((0, GAP), (0, GAP), (0, 0))
    return np.pad(np.asarray(picture), gaps, constant_values=255)


def save_grid(path: str, images: np.ndarray) -> None:
    """Writes images [n, H, W, C] in [-1, 1] as one PNG."""
    buffer = io.BytesIO()
    Image.fromarray(grid(images)).save(buffer, format="PNG")
    replace_file(path, buffer.getvalue())


def save_animation(path: str, frames: np.ndarray, *, milliseconds: int = 100) -> None:
    """Writes images [time, n, H, W, C] as a GIF of grids that rests on the last one."""
    pictures = [Image.fromarray(grid(images)) for images in frames]
    durations = [milliseconds] * (len(pictures) - 1) + [20 * milliseconds]
    buffer = io.BytesIO()
    pictures[0].save(
        buffer,
        format="GIF",
        save_all=True,
        append_images=pictures[1:],
        duration=durations,
        loop=0,
    )
    replace_file(path, buffer.getvalue())


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


def save_traces(
    path: str, steps: np.ndarray, energies: np.ndarray, drift_norms: np.ndarray
) -> None:
    """Plots what chains did on their way.

    Args:
      path: of the PNG.
      steps: Langevin steps [k] at the records.
      energies: [k, n], of n chains.
      drift_norms: [k, n], the way that the drift moved each.
    """
    figure = Figure(figsize=(11, 4), layout="constrained")
    left, right = figure.subplots(1, 2)
    for axes, values, title in (
        (left, energies, "Energy"),
        (right, drift_norms, "Drift per Langevin step"),
    ):
        axes.plot(steps, values, color="tab:blue", linewidth=0.5, alpha=0.3)
        axes.plot(steps, values.mean(axis=1), color="black", linewidth=1.5)
        axes.set(title=f"{title}: chains, and their mean", xlabel="Langevin steps")
    save_figure(figure, path)


def save_curves(
    path: str,
    curves: Mapping[str, tuple[Sequence[float], Sequence[float]]],
    *,
    labels: tuple[str, str],
    logarithmic: bool = False,
    mark_lowest: bool = False,
) -> None:
    """Plots curves.

    Args:
      path: of the PNG.
      curves: the points (x, y) of each, by the name in the legend.
      labels: of the two axes.
      logarithmic: whether both axes are; 0 has a place across, not up.
      mark_lowest: whether the lowest point of each is marked.
    """
    figure = Figure(figsize=(7, 4.5), layout="constrained")
    axes = figure.subplots()
    for name, (across, up) in curves.items():
        (line,) = axes.plot(across, up, marker=".", label=name)
        if mark_lowest:
            best = int(np.argmin(up))
            axes.plot(across[best], up[best], marker="o", color=line.get_color())
    axes.set(xlabel=labels[0], ylabel=labels[1])
    if logarithmic:
        has_zero = any(min(across) <= 0 for across, _ in curves.values())
        axes.set(xscale="symlog" if has_zero else "log", yscale="log")
    axes.legend()
    save_figure(figure, path)


def save_figure(figure: Figure, path: str) -> None:
    """Writes a figure as a PNG."""
    buffer = io.BytesIO()
    FigureCanvasAgg(figure).print_png(buffer)
    replace_file(path, buffer.getvalue())
