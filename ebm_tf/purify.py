"""Purifies images by Langevin steps on an energy: python3 ebm_tf/purify.py CONFIG."""

if __name__ == "__main__":  # first, so that a mistake is answered at once
    import pathlib
    import sys

    sys.path[0] = str(pathlib.Path(__file__).resolve().parents[1])
    from ebm_tf.runtime.launch import main

    sys.exit(main("purify"))

from collections.abc import Iterator
from typing import Any

import numpy as np

from ebm_tf import pixels
from ebm_tf.api import folders
from ebm_tf.api.folders import Parts, build
from ebm_tf.api.images import png_names, write_named
from ebm_tf.api.tables import csv_text
from ebm_tf.config.folders import ImagePurification
from ebm_tf.runtime import plots
from ebm_tf.runtime.workspace import Workspace

FOLDER, ENERGIES = "png", "energies.csv"
# Of the picture: images in a row, below each of which stands the purified one.
COLUMNS, ROWS = 8, 4


def run(config: ImagePurification, workspace: Workspace) -> dict[str, Any]:
    """Purifies the images of a folder, and writes them under their names as PNG files.

    Returns:
      The mean energies before and after, and how far pixels moved.
    """
    parts = build(config)
    names, table = png_names(parts.names), [("file", "energy_before", "energy_after")]
    energies, squares = [], 0.0
    for start, images in parts.batches():
        moved = pixels.to_bytes(purified(config, parts, images, start))
        before, after = parts.model.energy(images), parts.model.energy(moved)
        energies.append([before, after])
        squares += float(np.square(np.subtract(moved, images, dtype=np.float64)).sum())
        rows = slice(start, start + len(images))
        table += zip(parts.names[rows], before, after, strict=True)
        if workspace.is_chief:
            write_named(workspace.path(FOLDER, ""), moved, names[rows])
        if start == 0:
            _picture(images, moved, workspace)
    folders.log_notes(parts, workspace)
    workspace.write(ENERGIES, csv_text(table))
    before, after = np.concatenate(energies, axis=1).mean(1, dtype=np.float64)
    return {
        "num_images": parts.count,
        "energy_before": float(before),
        "energy_after": float(after),
        "rms_change": (squares / parts.count / np.prod(parts.images.shape)) ** 0.5,
        "units": {
            "energy_before": "mean E(x), not divided by the temperature",
            "rms_change": "root mean square over pixels, in 255ths of the pixel range",
        },
        "weights": parts.model.networks.files(),
        "images": parts.images.origin,
    }


def purified(
    config: ImagePurification, parts: Parts, images: np.ndarray, first: int
) -> np.ndarray:
    """Images float32 [n, H, W, C] in [-1, 1] after the steps of the config."""
    return parts.model.purify(
        images,
        num_steps=config.num_steps,
        start_noise=config.start_noise,
        langevin=config.langevin,
        temperature=config.temperature,
        seed=config.seed,
        first=first,
    )


def describe(config: ImagePurification) -> Iterator[str]:
    """What a run would read and do, a line each; nothing is written."""
    parts = build(config)
    yield from folders.describe(parts)
    purified(config, parts, parts.images.read(0, 1), 0)  # it raises what a run would
    yield f"chains: {config.num_steps} Langevin steps from each image"


def _picture(images: np.ndarray, moved: np.ndarray, workspace: Workspace) -> None:
    """Shows the first images, and below each what became of it."""
    num = min(len(images) // COLUMNS, ROWS) * COLUMNS
    if not num or not workspace.is_chief:
        return
    rows = [
        part[:num].reshape(-1, 1, COLUMNS, *part.shape[1:]) for part in (images, moved)
    ]
    pairs = np.concatenate(rows, axis=1).reshape(-1, COLUMNS, *images.shape[1:])
    cells = np.zeros([COLUMNS, COLUMNS, *images.shape[1:]], np.uint8)
    cells[: len(pairs)] = pairs
    shown = pixels.from_bytes(cells.reshape(-1, *images.shape[1:])).numpy()
    plots.save_grid(workspace.path("images", "before_and_after.png"), shown)
