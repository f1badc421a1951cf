"""Images that were drawn: shown, written as files, and measured."""

from typing import Any

import numpy as np

from ebm_tf import pixels
from ebm_tf.config.fid import distance_name
from ebm_tf.config.generation import ImageGeneration
from ebm_tf.evaluation import plots
from ebm_tf.evaluation.class_samples import (
    Standard,
    rows_of_classes,
    sample_metrics,
    summary_line,
)
from ebm_tf.runtime.plots import save_images
from ebm_tf.runtime.workspace import Workspace
from ebm_tf.sampling.segments import load_labels, load_samples

FOLDER = "png"


def measured(
    config: ImageGeneration, standard: Standard, workspace: Workspace
) -> list[dict[str, Any]]:
    """The metrics of the images after each measured number of steps.

    A page of each is shown, and the last ones are exported where that is asked for.
    """
    rows, features = [], standard.extractor.name
    for num_steps in config.measured_steps:
        images, labels, num_broken = _drawn(config, num_steps, workspace)
        row = {"num_steps": num_steps, "num_samples": len(images)}
        if num_broken:
            missing = {distance_name(features): None, "num_not_finite": num_broken}
            rows.append(row | missing)
            continue
        rows.append(row | sample_metrics(standard, images, labels))
        workspace.log(f"{num_steps} steps: {summary_line(rows[-1], features)}")
        if not isinstance(labels, tuple):
            _show(images, labels, num_steps, standard.num_classes, workspace)
        if config.export and num_steps == config.measured_steps[-1]:
            _export(images, labels, workspace)
    return rows


def _drawn(
    config: ImageGeneration, num_steps: int, workspace: Workspace
) -> tuple[np.ndarray, Any, int]:
    """Images uint8 [n, H, W, C], their classes or (), and how many are not finite."""
    rounds = list(load_samples(workspace.folder, num_steps))
    images = np.concatenate([images for images, _ in rounds])[: config.num_samples]
    labels = load_labels(workspace.folder, num_steps)
    labels = labels if isinstance(labels, tuple) else labels[: config.num_samples]
    return images, labels, sum(number for _, number in rounds)


def _show(
    images: np.ndarray,
    labels: np.ndarray,
    num_steps: int,
    num_classes: int,
    workspace: Workspace,
) -> None:
    classes, shown = rows_of_classes(images, labels, num_classes)
    path = workspace.path("images", f"by_class_{num_steps:08d}.png")
    plots.save_by_class(path, classes, pixels.from_bytes(shown).numpy())


def _export(images: np.ndarray, labels: Any, workspace: Workspace) -> None:
    """Writes the images as PNG files, those of a class in a folder of its own."""
    if isinstance(labels, tuple):
        _write(images, workspace.path(FOLDER, ""))
        return
    for label in np.unique(labels):
        folder = workspace.path(FOLDER, f"class_{label}", "")
        _write(images[labels == label], folder)


def _write(images: np.ndarray, folder: str) -> None:
    save_images(folder, images, [f"{place:05d}" for place in range(len(images))])
