"""Plots of accuracy and energy by the severity of corruptions."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ebm_tf.runtime.plots import save_figure

_COLUMNS = 6
_QUANTITIES = {"accuracy": "accuracy", "energy_mean": "mean of E(x)"}


def save_by_severity(path: str, results: Mapping[str, Any]) -> None:
    """Plots accuracy and mean E(x), with 95 % intervals, a column for each corruption.

    Severity 0 is the test images themselves.

    Args:
      path: of the PNG.
      results: of `measured`.
    """
    names = list(dict.fromkeys(row["corruption"] for row in results["rows"]))
    columns = min(len(names), _COLUMNS)
    bands = -(-len(names) // columns)
    size = (2.4 * columns + 0.8, 4.4 * bands + 0.2)
    figure = Figure(figsize=size, layout="constrained")
    axes = figure.subplots(2 * bands, columns, squeeze=False, sharex=True)
    for quantity, (key, title) in enumerate(_QUANTITIES.items()):
        places = axes[quantity::2].ravel()
        for place in places[len(names) :]:
            place.set_axis_off()
        for place in places[1:]:
            place.sharey(places[0])
        for name, place in zip(names, places, strict=False):
            rows = [row for row in results["rows"] if row["corruption"] == name]
            _curve(place, rows, results["clean"], key, f"C{quantity}")
            place.set_title(name.replace("_", " "), fontsize=10)
        for band in axes[quantity::2]:
            band[0].set_ylabel(title)
    for place in axes[-1]:
        place.set_xlabel("severity")
    save_figure(figure, path)


def _curve(
    axes: Axes,
    rows: Sequence[Mapping[str, Any]],
    clean: Mapping[str, Any],
    key: str,
    color: str,
) -> None:
    every = [{"severity": 0, **clean}, *rows]
    across = [row["severity"] for row in every]
    values = np.array([row[key] for row in every])
    low, high = np.transpose([row[f"{key}_interval"] for row in every])
    bars = [values - low, high - values]
    axes.errorbar(across, values, bars, marker=".", color=color, capsize=2)
    axes.set_xticks(across)
    axes.axhline(clean[key], color="black", linewidth=0.8, linestyle=":")


def save_examples(
    path: str, pictures: Mapping[str, np.ndarray], severities: Sequence[int]
) -> None:
    """Pictures an image, a row for each corruption, a column for each severity.

    Args:
      path: of the PNG.
      pictures: uint8 [s, H, W, C] of each corruption.
      severities: theirs [s].
    """
    size = (0.95 * len(severities) + 0.6, 0.95 * len(pictures) + 0.3)
    figure = Figure(figsize=size, layout="constrained")
    axes = figure.subplots(len(pictures), len(severities), squeeze=False)
    for line, (name, images) in zip(axes, pictures.items(), strict=True):
        line[0].set_ylabel(name.replace("_", "\n"), fontsize=7)
        for place, image in zip(line, images, strict=True):
            place.imshow(np.broadcast_to(image, (*image.shape[:2], 3)))
            place.set(xticks=[], yticks=[])
    for place, severity in zip(axes[0], severities, strict=True):
        place.set_title(str(severity), fontsize=8)
    save_figure(figure, path)
