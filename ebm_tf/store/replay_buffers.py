"""The replay buffers of runs, which lie in their checkpoints."""

import os
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from ebm_tf.config.ebm import SampledExperiment
from ebm_tf.errors import RunError
from ebm_tf.runtime.checkpoints import Checkpoints
from ebm_tf.runtime.files import names_in
from ebm_tf.runtime.workspace import CHECKPOINTS
from ebm_tf.store.sources import Source

# Where the leaves of `ChainState` stand among the arrays of a checkpoint; only chains
# that have classes have labels.
_IMAGES, _LABELS = 0, 3


class ReplayBuffer(NamedTuple):
    """The chains of all replicas of a run.

    Attributes:
      images: float32 [n, H, W, C].
      labels: int32 [n], the classes of class-conditional chains; () where there are
        none.
      num_updates: that the run had made.
    """

    images: np.ndarray
    labels: Any
    num_updates: int


def why_none(source: Source | None) -> str | None:
    """Why there is no replay buffer where weights are from; None where there is one.

    Raises:
      RunError: if the run cannot be read.
    """
    if source is None or source.config is None:
        return "the weights are not of a run"
    chains = getattr(source.config, "chains", None)
    if not hasattr(chains, "bank_size"):
        return "the run kept no chains"
    return None if _common_steps(source.folder) else "the run has no checkpoints"


def replay_buffer(source: Source) -> ReplayBuffer:
    """The chains in the newest whole checkpoint of a run that has some.

    Raises:
      RunError: if all checkpoints are damaged.
    """
    steps, problem = _common_steps(source.folder), None
    config = source.config
    labelled = isinstance(config, SampledExperiment) and config.conditional
    for step in reversed(steps):
        try:
            parts = list(_parts(source.folder, step, labelled))
        except RunError as error:
            problem = problem or error
            continue
        images, labels = zip(*parts, strict=True)
        joined = np.concatenate(labels) if labelled else ()
        return ReplayBuffer(np.concatenate(images), joined, step)
    raise problem or RunError(f"{source.folder} has no checkpoints.")


def _parts(
    folder: str, step: int, labelled: bool
) -> Iterator[tuple[np.ndarray, np.ndarray | None]]:
    """Images and labels of each replica."""
    for checkpoints in _of_workers(folder):
        arrays = checkpoints.load(step)
        # Checkpoints of earlier versions lack the number of this worker's replicas.
        for index in range(int(arrays.get("num_local", arrays["num_replicas"]))):
            labels = arrays[f"state/{index}/{_LABELS}"] if labelled else None
            yield arrays[f"state/{index}/{_IMAGES}"], labels


def _of_workers(folder: str) -> list[Checkpoints]:
    """The checkpoints of each worker, in their order."""
    prefix, saved = "worker_", os.path.join(folder, CHECKPOINTS)
    names = [name for name in names_in(saved) if name.startswith(prefix)]
    names.sort(key=lambda name: int(name.removeprefix(prefix)))
    return [Checkpoints(os.path.join(saved, name)) for name in names]


def _common_steps(folder: str) -> list[int]:
    """Steps that all workers have saved, in rising order."""
    steps = [set(checkpoints.steps()) for checkpoints in _of_workers(folder)]
    return sorted(set.intersection(*steps)) if steps else []
