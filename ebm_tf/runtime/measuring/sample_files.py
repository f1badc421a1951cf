"""Samples as files: bytes, one file for each round of chains and worker."""

import os
from collections.abc import Iterator

import numpy as np

from ebm_tf import pixels
from ebm_tf.errors import RunError
from ebm_tf.runtime.array_files import load_arrays, save_arrays
from ebm_tf.runtime.cloud_files import names_in
from ebm_tf.runtime.workspace import Workspace

FOLDER = "samples"


def save_samples(
    workspace: Workspace, num_steps: int, index: int, images: np.ndarray
) -> None:
    """Writes images [n, H, W, C] in [-1, 1] of this worker, rounded to 8 bits.

    Args:
      workspace: the run's folder.
      num_steps: Langevin steps that the chains have made.
      index: of the round.
      images: those that are not finite are counted and left out.
    """
    finite = np.isfinite(images).all(axis=(1, 2, 3))
    name = f"{index:05d}_{workspace.worker}.npz"
    save_arrays(
        workspace.path(FOLDER, f"{num_steps:08d}", name),
        images=pixels.to_bytes(images[finite]),
        num_not_finite=np.sum(~finite),
    )


def saved_steps(folder: str) -> list[int]:
    """The numbers of Langevin steps of which a run has samples."""
    names = names_in(os.path.join(folder, FOLDER))
    return sorted(int(name) for name in names if name.isdigit())


def load_samples(folder: str, num_steps: int) -> Iterator[tuple[np.ndarray, int]]:
    """Yields images uint8 [n, H, W, C] and how many more were not finite, by rounds.

    Raises:
      RunError: if there are none, or a file is damaged.
    """
    path = os.path.join(folder, FOLDER, f"{num_steps:08d}")
    names = [name for name in names_in(path) if name.endswith(".npz")]
    if not names:
        raise RunError(f"{folder} has no samples after {num_steps} Langevin steps.")
    for name in names:
        stored = load_arrays(os.path.join(path, name))
        yield stored["images"], int(stored["num_not_finite"])
