"""A picture of classifiers beside each other, by what attacks leave of them."""

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.figure import Figure

from ebm_tf.runtime.plots import save_figure

_HEIGHT = 0.8  # of all the bars of a classifier


def save_leaderboard(
    path: str, rows: Sequence[Mapping[str, Any]], measures: Mapping[str, str]
) -> None:
    """Draws bars of accuracies with their intervals, a group for each classifier.

    Args:
      path: of the PNG.
      rows: summaries, from the top down.
      measures: the accuracies that are drawn, with their titles.
    """
    height = 1.4 + len(rows) * max(0.6, 0.2 * len(measures))
    figure = Figure(figsize=(8, height), layout="constrained")
    axes = figure.subplots()
    thickness = _HEIGHT / len(measures)
    for number, (name, title) in enumerate(measures.items()):
        there = [(place, row) for place, row in enumerate(rows) if name in row]
        places = [p + (number + 0.5) * thickness - _HEIGHT / 2 for p, _ in there]
        shares = [100 * row[name] for _, row in there]
        ends = [[100 * end for end in row[f"{name}_interval"]] for _, row in there]
        spread = [
            [share - low for share, (low, _) in zip(shares, ends, strict=True)],
            [high - share for share, (_, high) in zip(shares, ends, strict=True)],
        ]
        color = f"C{number}"
        axes.barh(places, shares, thickness, color=color, alpha=0.75, label=title)
        axes.errorbar(
            shares, places, xerr=spread, fmt="none", ecolor="black", elinewidth=0.8
        )
    captions = [
        f"{row['model']}\n{row['norm']} {row['radius']}, {row['num_images']:,} images"
        for row in rows
    ]
    axes.set_yticks(range(len(rows)), captions, fontsize=8)
    axes.invert_yaxis()
    axes.set(xlim=(0, 100), xlabel="accuracy in percent, with 95 % intervals")
    figure.legend(loc="outside upper center", ncols=len(measures), fontsize=8)
    save_figure(figure, path)
