"""Pictures and plots as files: grids of images, animations, curves."""

import io
import math
import os
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, NullFormatter
from PIL import Image

from ebm_tf import pixels
from ebm_tf.runtime.files import replace_file
from ebm_tf.runtime.sweeps import mean_and_error

# From which ratio of the largest to the smallest value an axis is logarithmic, and
# from which ratio of ranges the first steps of chains squash the others.
MAGNITUDE, SQUASHED = 10.0, 5.0
LEAST_CELL = 64
GAP = 2


def grid(images: np.ndarray) -> np.ndarray:
    """Tiles the first floor(sqrt(n))^2 images [n, H, W, C] into bytes [H', W', 3].

    Points are shown as `pixels.pictured` lays them out. Small images are enlarged
    smoothly: eight pixels that stay sharp are hard to read.
    """
    side = max(1, math.isqrt(len(images)))
    images = pixels.pictured(images[: side**2])
    tiles = [_tile(image) for image in pixels.to_bytes(images)]
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


def save_images(folder: str, images: np.ndarray, names: Sequence[str]) -> None:
    """Writes images uint8 [n, H, W, C], C 1 or 3, as PNG files of their own size."""
    for image, name in zip(images, names, strict=True):
        buffer = io.BytesIO()
        picture = image[..., 0] if image.shape[-1] == 1 else image
        Image.fromarray(picture).save(buffer, format="PNG")
        replace_file(os.path.join(folder, f"{name}.png"), buffer.getvalue())


def save_animation(path: str, frames: np.ndarray, *, milliseconds: int = 100) -> None:
    """Writes images [time, n, H, W, C] as a GIF of grids that rests on the last one."""
    pictures = [Image.fromarray(grid(images)) for images in frames]
    _save_gif(path, pictures, milliseconds, rest=20 * milliseconds)


def save_figures(
    path: str, figures: Iterable[Figure], *, milliseconds: int = 400
) -> None:
    """Writes figures of one size as a GIF that rests on the last one."""
    pictures = []
    for figure in figures:
        canvas = FigureCanvasAgg(figure)
        canvas.draw()
        pictures.append(Image.fromarray(np.asarray(canvas.buffer_rgba())[..., :3]))
    _save_gif(path, pictures, milliseconds, rest=5 * milliseconds)


def _save_gif(
    path: str, pictures: Sequence[Image.Image], milliseconds: int, *, rest: int
) -> None:
    durations = [milliseconds] * (len(pictures) - 1) + [rest]
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


def save_curves(
    path: str,
    curves: Mapping[str, tuple[Sequence[float], Sequence[float]]],
    *,
    labels: tuple[str, str],
    logarithmic: bool = False,
    mark_lowest: bool = False,
) -> None:
    """Plots curves; whole numbers across have no ticks between them.

    Args:
      path: of the PNG.
      curves: the points (x, y) of each, by the name in the legend.
      labels: of the two axes.
      logarithmic: whether both axes are, the upright one where values are of several
        magnitudes; 0 has a place across, not up.
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
        _make_logarithmic(
            axes, *(np.concatenate(v) for v in zip(*curves.values(), strict=True))
        )
    elif all(float(x).is_integer() for across, _ in curves.values() for x in across):
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.legend()
    save_figure(figure, path)


def _make_logarithmic(axes: Axes, across: np.ndarray, up: np.ndarray) -> None:
    """Makes axes of points logarithmic where that shows more, with plain numbers."""
    axes.set_xscale("symlog" if across.min() <= 0 else "log")
    axes.xaxis.set_major_formatter("{x:g}")
    if 0 < MAGNITUDE * up.min() <= up.max():
        axes.set_yscale("log")
        axes.yaxis.set_major_formatter("{x:g}")
        axes.yaxis.set_minor_formatter(NullFormatter())


# Lines by name, each the values of a setting as texts and as many numbers or None.
Panel = Mapping[str, tuple[Sequence[str], Sequence[float | None]]]


def save_panels(path: str, panels: Mapping[str, Mapping[str, Panel]]) -> None:
    """Plots values of several kinds over those of several settings.

    Args:
      path: of the PNG.
      panels: columns by the name of a setting, in each of which rows, the same in all,
        by the name of what is plotted.
    """
    rows = list(next(iter(panels.values())))
    size = (3.2 * len(panels) + 0.5, 2.4 * len(rows) + 0.8)
    figure = Figure(figsize=size, layout="constrained")
    axes = figure.subplots(len(rows), len(panels), squeeze=False, sharex="col")
    for column, (setting, of_one) in enumerate(panels.items()):
        for row, name in enumerate(rows):
            _panel(axes[row, column], of_one[name])
            if not column:
                axes[row, column].set_ylabel(name)
        axes[0, column].set_title(setting, fontsize=10)
    handles, labels = axes[-1, 0].get_legend_handles_labels()
    if len(labels) > 1:
        figure.legend(handles, labels, loc="outside lower center", ncols=len(labels))
    save_figure(figure, path)


def _panel(axes: Axes, lines: Panel) -> None:
    for name, (texts, numbers) in lines.items():
        heights = [np.nan if number is None else number for number in numbers]
        axes.plot(range(len(texts)), heights, marker="o", label=name)
        axes.set_xticks(range(len(texts)), texts, rotation=20, ha="right", fontsize=8)
    axes.grid(alpha=0.3)


class Groups(NamedTuple):
    """Values of equal experiments but for their seeds.

    Attributes:
      across: the setting that differs from left to right.
      panels: by the name of what is plotted, lines by what else differs, in which
        groups of values by the value of the setting.
    """

    across: str
    panels: Mapping[str, Mapping[str, Mapping[str, Sequence[float]]]]


def save_groups(path: str, groups: Groups) -> None:
    """Plots every value as a dot, and of each group its mean with a 95 % interval."""
    columns = min(3, len(groups.panels))
    rows = -(-len(groups.panels) // columns)
    figure = Figure(
        figsize=(3.2 * columns + 1.2, 3.0 * rows + 0.6), layout="constrained"
    )
    axes = figure.subplots(rows, columns, squeeze=False).ravel()
    for one in axes[len(groups.panels) :]:
        one.set_axis_off()
    for one, (name, lines) in zip(axes, groups.panels.items(), strict=False):
        _groups(one, lines)
        one.set_title(name, fontsize=10)
        one.set_xlabel(groups.across)
    handles, labels = axes[0].get_legend_handles_labels()
    if any(labels):
        figure.legend(handles, labels, loc="outside lower center", ncols=3)
    several = any(
        len(values) > 1
        for lines in groups.panels.values()
        for line in lines.values()
        for values in line.values()
    )
    if several:
        figure.suptitle("runs, and means over seeds with 95 % intervals", fontsize=9)
    save_figure(figure, path)


def _groups(axes: Axes, lines: Mapping[str, Mapping[str, Sequence[float]]]) -> None:
    texts = list(dict.fromkeys(text for line in lines.values() for text in line))
    for index, (name, line) in enumerate(lines.items()):
        shift = 0.12 * (index - (len(lines) - 1) / 2)  # else bars hide one another
        groups = [(texts.index(t) + shift, v) for t, v in line.items() if v]
        means = [(place, *mean_and_error(values)) for place, values in groups]
        places, heights, errors = zip(*means, strict=True) if means else ((), (), ())
        bars = axes.errorbar(
            places,
            heights,
            yerr=[error or 0.0 for error in errors],
            marker="o",
            capsize=4,
            linestyle="-" if len(texts) > 1 else "none",
            label=name,
        )
        for place, values in groups:
            dots = [place] * len(values)
            axes.plot(dots, values, ".", color=bars[0].get_color(), alpha=0.5)
    turned = {"rotation": 20, "ha": "right"} if sum(map(len, texts)) > 24 else {}
    axes.set_xticks(range(len(texts)), texts, fontsize=8, **turned)
    axes.set_xlim(-0.5, len(texts) - 0.5)
    axes.grid(alpha=0.3)


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
        _trace(axes, steps, values)
        axes.set(title=f"{title}: chains, and their mean", xlabel="Langevin steps")
        if limits := later_limits(values):
            axes.set_ylim(*limits)
            whole = axes.inset_axes((0.57, 0.56, 0.4, 0.34))
            _trace(whole, steps, values)
            whole.set_title("from the first step on", fontsize=9)
            whole.tick_params(labelsize=8)
            axes.set_xlabel("Langevin steps; the first ones are in the inset")
    save_figure(figure, path)


def _trace(axes: Axes, steps: np.ndarray, values: np.ndarray) -> None:
    axes.plot(steps, values, color="tab:blue", linewidth=0.5, alpha=0.3)
    axes.plot(steps, values.mean(axis=1), color="black", linewidth=1.5)


def later_limits(values: np.ndarray) -> tuple[float, float] | None:
    """Between what a plot of values [k, n] shows all but the first steps of chains.

    The first tenth of the records does not count, nor does 1 % of the others. None
    where all fit well beside them. There is room for an inset above.
    """
    finite = values[np.isfinite(values)]
    later = values[len(values) // 10 + 1 :]
    later = later[np.isfinite(later)]
    if not later.size:
        return None
    low, high = np.quantile(later, [0.005, 0.995])
    room = max(high - low, 1e-6 * abs(high), 1e-12)
    if np.ptp(finite) <= SQUASHED * room:
        return None
    return float(low - 0.1 * room), float(high + 0.9 * room)


def save_figure(figure: Figure, path: str) -> None:
    """Writes a figure as a PNG."""
    buffer = io.BytesIO()
    FigureCanvasAgg(figure).print_png(buffer)
    replace_file(path, buffer.getvalue())
