"""Writes the classes and energies of images: python3 ebm_tf/classify.py CONFIG."""

if __name__ == "__main__":  # first, so that a mistake is answered at once
    import pathlib
    import sys

    sys.path[0] = str(pathlib.Path(__file__).resolve().parents[1])
    from ebm_tf.runtime.launch import main

    sys.exit(main("classify"))

from collections.abc import Iterator
from typing import Any

import numpy as np

from ebm_tf.api import folders
from ebm_tf.api.folders import Parts, build
from ebm_tf.api.tables import csv_text
from ebm_tf.config.folders import ImageClassification
from ebm_tf.runtime.workspace import Workspace

TABLE = "classes.csv"


def run(config: ImageClassification, workspace: Workspace) -> dict[str, Any]:
    """Writes, for each image, its energy, and its class and probabilities.

    Returns:
      How many images each class has, and the mean energy.
    """
    parts = build(config)
    energies, probabilities = [], []
    for _, images in parts.batches():
        outputs = parts.model.outputs(images)
        energies.append(outputs["energy"])
        if "probabilities" in outputs:
            probabilities.append(outputs["probabilities"])
    folders.log_notes(parts, workspace)
    energy = np.concatenate(energies)
    found = np.concatenate(probabilities) if probabilities else None
    workspace.write(TABLE, csv_text(_rows(parts.names, energy, found)))
    return {
        "num_images": parts.count,
        **_by_class(found),
        "mean_energy": float(energy.mean(dtype=np.float64)),
        "weights": parts.model.networks.files(),
        "images": parts.images.origin,
    }


def describe(config: ImageClassification) -> Iterator[str]:
    """What a run would read and do, a line each; nothing is written."""
    parts = build(config)
    yield from folders.describe(parts)
    parts.model.outputs(parts.images.read(0, 1))  # it raises what a run would
    yield f"columns: {', '.join(_columns(parts))}"


def _columns(parts: Parts) -> list[str]:
    return _header(parts.model.num_classes)


def _header(num_classes: int) -> list[str]:
    classes = [f"p_{label}" for label in range(num_classes)]
    return ["file", "energy", *(["class", *classes] if num_classes else [])]


def _rows(
    names: list[str], energy: np.ndarray, probabilities: np.ndarray | None
) -> Iterator[list]:
    if probabilities is None:
        yield _header(0)
        yield from map(list, zip(names, energy, strict=True))
        return
    yield _header(probabilities.shape[1])
    labels = probabilities.argmax(1)
    for name, value, label, row in zip(
        names, energy, labels, probabilities, strict=True
    ):
        yield [name, value, label, *row]


def _by_class(probabilities: np.ndarray | None) -> dict[str, Any]:
    if probabilities is None:
        return {}
    counts = np.bincount(probabilities.argmax(1), minlength=probabilities.shape[1])
    return {
        "num_by_class": {str(label): int(n) for label, n in enumerate(counts)},
        "mean_confidence": float(probabilities.max(1).mean(dtype=np.float64)),
    }
