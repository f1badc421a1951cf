"""Plots of what is measured."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import tensorflow as tf
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ebm_tf import pixels
from ebm_tf.attacks.outcomes import predicted
from ebm_tf.config.robustness import RobustnessMeasurement
from ebm_tf.evaluation.batch_files import Arrays
from ebm_tf.evaluation.calibration import Bins
from ebm_tf.evaluation.verdicts import Verdicts
from ebm_tf.protocols import Classifier
from ebm_tf.runtime.plots import save_curves, save_figure
from ebm_tf.runtime.workspace import Workspace

# Of figures that are printed as wide as a page.
INCHES = 1.3
POINTS = 9
# Of images that an attack broke, and of those that it did not.
MOST_PICTURED = 4

# A classifier alone.


def save_verdicts(
    workspace: Workspace,
    verdicts: Verdicts,
    images: np.ndarray,
    predictions: np.ndarray,
) -> None:
    """Pictures a few images that an attack broke, a few that none did, and differences.

    Args:
      workspace: the run's folder.
      verdicts: after all attacks.
      images: natural ones [n, H, W, C] in [-1, 1].
      predictions: int64 [n], of the natural images.
    """
    broken = np.flatnonzero(verdicts.broken_by > 0)[:MOST_PICTURED]
    shown = np.concatenate([broken, verdicts.unbroken[:MOST_PICTURED]])
    if not len(shown):
        return
    natural, attacked = images[shown], verdicts.images[shown]
    difference = attacked - natural
    largest = max(float(np.abs(difference).max()), 1e-12)
    names = (*verdicts.names, "unbroken")  # -1, of the unbroken, is the last
    captions = [
        f"{names[index]}\n{caption}"
        for index, caption in zip(
            verdicts.broken_by[shown],
            _captions(verdicts.predictions[shown]),
            strict=True,
        )
    ]
    save_columns(
        workspace.path("images", "attacked.png"),
        {
            "natural": (natural, _captions(predictions[shown])),
            "attacked": (attacked, captions),
            f"difference x {1 / largest:.3g}": (difference / largest, ()),
        },
    )


def save_accuracy_by_radius(
    workspace: Workspace, config: RobustnessMeasurement, rows: Sequence[Mapping]
) -> None:
    """Plots the rows of `robustness.curve`."""
    radii, shares = ([row[name] for row in rows] for name in ("epsilon", "accuracy"))
    save_curves(
        workspace.path("plots", "accuracy_by_epsilon.png"),
        {config.name: (radii, shares)},
        labels=(f"{config.ball.norm} radius in 255ths", "accuracy under PGD"),
    )


# A classifier behind purification.


def save_defended(workspace: Workspace, name: str, path: np.ndarray) -> None:
    """Plots the share of images that is still defended, of `class_path` [m, n]."""
    shares = path.mean(1).tolist()
    save_curves(
        workspace.path("plots", "defended.png"),
        {name: (range(-1, len(shares) - 1), shares)},
        labels=(
            "step or run of the attack; -1: natural images",
            "share still defended",
        ),
    )


def save_purified(
    workspace: Workspace,
    record: Arrays,
    purify: Callable[[np.ndarray, np.ndarray], np.ndarray],
    classifier: Classifier,
) -> None:
    """Shows some images as they are, attacked and purified; all workers call it.

    Args:
      workspace: the run's folder.
      record: the arrays of all images.
      purify: images, seeds int32 [n, 2] -> images after one more chain each; the
        prediction below them is that of all final replicates.
      classifier: what is defended, images -> logits.
    """
    path = record["class_path"] > 0
    broken = np.flatnonzero(path[0] & ~path[-1])[:MOST_PICTURED]
    shown = np.concatenate([broken, np.flatnonzero(path[-1])[:MOST_PICTURED]])
    if not len(shown):
        return
    attacked = record["ims_adv"][shown]
    keys = np.stack([np.arange(len(shown)), np.ones(len(shown))], 1)
    purified = purify(attacked, keys.astype(np.int32))
    if not workspace.is_chief:
        return
    undefended = predicted(classifier(tf.constant(attacked))).numpy()
    captions = [f"undefended\n{caption}" for caption in _captions(undefended)]
    natural = _captions(record["natural_predictions"][shown])
    final = _captions(record["final_predictions"][shown])
    save_columns(
        workspace.path("images", "attacked.png"),
        {
            "natural": (record["ims_orig"][shown], natural),
            "adversarial": (attacked, captions),
            "purified": (purified, final),
        },
    )


def _captions(predictions: np.ndarray) -> list[str]:
    return [f"class {prediction}" for prediction in predictions]


def save_columns(
    path: str, columns: Mapping[str, tuple[np.ndarray, Sequence[str]]]
) -> None:
    """Writes columns, by title, of images [n, H, W, C] and of captions, if any.

    After a few rows they go on at the right, so that the figure fits a page.
    """
    count, width = len(next(iter(columns.values()))[0]), len(columns)
    num_rows, num_blocks = min(count, MOST_PICTURED), -(-count // MOST_PICTURED)
    size = (INCHES * (width + 0.1) * num_blocks, 1.3 * INCHES * num_rows + 0.2)
    figure = Figure(figsize=size, layout="constrained")
    blocks = figure.subfigures(1, num_blocks, squeeze=False, wspace=0.04)[0]
    for index, block in enumerate(blocks):
        shown = range(index * MOST_PICTURED, min((index + 1) * MOST_PICTURED, count))
        axes = block.subplots(num_rows, width, squeeze=False)
        for place in axes[len(shown) :].flat:  # as high as the others, and empty
            place.set(frame_on=False, xticks=[], yticks=[], xlabel="\n ")
        for column, (title, (images, captions)) in enumerate(columns.items()):
            axes[0, column].set_title(title, fontsize=POINTS)
            for row, image in enumerate(shown):
                caption = captions[image] if captions else ""
                _picture(axes[row, column], images[image], caption)
    save_figure(figure, path)


def _picture(axes: Axes, image: np.ndarray, caption: str = "") -> None:
    """Shows an image [H, W, C] in [-1, 1], and words below it."""
    picture = np.broadcast_to(pixels.to_bytes(image), (*image.shape[:2], 3))
    axes.imshow(picture, interpolation="bicubic")
    axes.set(xticks=[], yticks=[])
    axes.set_xlabel(caption, fontsize=POINTS)


# What a classifier knows.


def save_reliability(path: str, diagrams: Sequence[Sequence[tuple[str, Bins]]]) -> None:
    """Plots accuracy by confidence, and below it how many predictions there are.

    Args:
      path: of the PNG.
      diagrams: rows of titles and bins.
    """
    num_rows, num_columns = len(diagrams), len(diagrams[0])
    figure = Figure(figsize=(4.2 * num_columns, 5 * num_rows), layout="constrained")
    heights = [3.0, 1.0] * num_rows
    axes = figure.subplots(
        2 * num_rows, num_columns, squeeze=False, height_ratios=heights
    )
    for row, above, below in zip(diagrams, axes[::2], axes[1::2], strict=True):
        for (title, bins), upper, lower in zip(row, above, below, strict=True):
            _reliability(upper, lower, title, bins)
    handles, labels = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=len(labels))
    save_figure(figure, path)


def _reliability(above: Axes, below: Axes, title: str, bins: Bins) -> None:
    edges = np.linspace(0.0, 1.0, len(bins.counts) + 1)
    shown = bins.counts > 0
    middles, width = ((edges[1:] + edges[:-1]) / 2)[shown], 0.94 * edges[1]
    accuracy, gaps = bins.accuracy[shown], (bins.confidence - bins.accuracy)[shown]
    above.plot([0, 1], [0, 1], "--", color="black", linewidth=0.8, label="calibrated")
    above.bar(middles, accuracy, width, label="accuracy")
    # From the accuracy to the mean confidence of the bin, which the error sums up.
    above.bar(
        middles,
        gaps,
        width,
        bottom=accuracy,
        color="none",
        edgecolor="tab:red",
        hatch="///",
        linewidth=0.8,
        label="from accuracy to confidence",
    )
    above.set(title=title, xlim=(0, 1), ylim=(0, 1.02), ylabel="share of right answers")
    below.bar(middles, bins.counts[shown], width, color="tab:gray")
    most = 2.0 * bins.counts.max()
    below.set(xlim=(0, 1), yscale="log", ylim=(0.5, most))
    below.set(xlabel="confidence", ylabel="images")


def save_score_histograms(
    path: str, sets: Mapping[str, Mapping[str, np.ndarray]], titles: Mapping[str, str]
) -> None:
    """Overlays the densities of the scores of several sets of images.

    Args:
      path: of the PNG.
      sets: the scores [n] of each set, by name; that of the distribution comes first.
        Scores that are not finite are left out, and those beyond 99 % of every set
        are in the outermost bins.
      titles: of the scores, by name.
    """
    figure = Figure(figsize=(9, 3.4 * len(titles)), layout="constrained")
    axes = figure.subplots(len(titles), 1, squeeze=False)[:, 0]
    for place, (name, title) in zip(axes, titles.items(), strict=True):
        values = {of: scores[name] for of, scores in sets.items()}
        _histograms(place, {of: v[np.isfinite(v)] for of, v in values.items()})
        place.set(xlabel=title, ylabel="density")
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=4)
    save_figure(figure, path)


LEAST_BINS, MOST_BINS = 20, 100
# What lies beyond in every set goes into the outermost bins.
_TAIL = 0.005


def _histograms(axes: Axes, values: Mapping[str, np.ndarray]) -> None:
    """Draws the densities of finite values; those of the first set are filled."""
    values = {name: scores for name, scores in values.items() if scores.size}
    if not values:
        return
    ends = [np.quantile(scores, [_TAIL, 1.0 - _TAIL]) for scores in values.values()]
    low, high = np.min(ends), np.max(ends)
    # Fewer of fewer scores: else chance alone is seen.
    num_bins = int(2 * np.sqrt(max(scores.size for scores in values.values())))
    num_bins = min(max(num_bins, LEAST_BINS), MOST_BINS)
    edges = np.linspace(low, high if high > low else low + 1.0, num_bins + 1)
    width, fullest = edges[1] - edges[0], 0.0
    for index, (name, scores) in enumerate(values.items()):
        density, _ = np.histogram(np.clip(scores, low, high), edges, density=True)
        fullest = max(fullest, density.max() * width)
        how = {"color": "black", "fill": True, "alpha": 0.35}
        if index:
            how = {"color": f"C{index - 1}", "linewidth": 1.2}
        axes.stairs(density, edges, label=name, **how)
    if fullest > 0.4:  # a share in one bin beside which nothing else is seen
        axes.set_yscale("log")


def save_by_class(
    path: str,
    classes: np.ndarray,
    images: np.ndarray,
    confidence: np.ndarray | None = None,
) -> None:
    """Pictures images [c * m, H, W, C], a row for each class [c].

    Below each image is the confidence [c * m] that it is of the class, where given.
    """
    num_rows, num_columns = len(classes), len(images) // len(classes)
    rows = images.reshape(num_rows, num_columns, *images.shape[1:])
    height = 0.78 if confidence is None else 0.98
    size = (0.75 * num_columns + 0.5, height * num_rows)
    figure = Figure(figsize=size, layout="constrained")
    axes = figure.subplots(num_rows, num_columns, squeeze=False)
    for row, name in enumerate(classes):
        axes[row, 0].set_ylabel(f"class {name}", fontsize=POINTS)
        for column, image in enumerate(rows[row]):
            caption = ""
            if confidence is not None:
                caption = f"{confidence[row * num_columns + column]:.3f}"
            _picture(axes[row, column], image, caption)
    save_figure(figure, path)
