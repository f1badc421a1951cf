"""Long work in batches: each is a step of the loop, and its outcome a file."""

import itertools
import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from ebm_tf.errors import RunError
from ebm_tf.runtime.distribution import Replicas, gather
from ebm_tf.runtime.files import exists, load_arrays, make_folder, save_arrays
from ebm_tf.runtime.loop import Action, Loop, Task
from ebm_tf.runtime.workspace import Workspace

Arrays = dict[str, np.ndarray]


class BatchWork(NamedTuple):
    """Work in batches, counted from 0.

    Attributes:
      make: batch -> its outcome, a pure function. All workers call it together, and
        each gets all of the outcome.
      num_batches: in all.
      path: batch -> the file of its outcome.
      about: batch -> arrays that are kept in the file as well; the outcome in a file
        where they differ is of other work.
      metrics: outcome -> numbers by name, for the actions of the loop.
      part: of the run, as `Loop` has it.
      unit: what batches are called.
    """

    make: Callable[[int], Arrays]
    num_batches: int
    path: Callable[[int], str]
    about: Callable[[int], Mapping[str, Any]]
    metrics: Callable[[Arrays], dict[str, float]] = lambda _: {}
    part: str = ""
    unit: str = "batches"


def outcomes(
    work: BatchWork,
    replicas: Replicas,
    workspace: Workspace,
    actions: Sequence[Action] = (),
    *,
    save_every: int,
) -> list[Arrays]:
    """Does the work whose outcomes are in no file yet.

    Args:
      work: what is done.
      replicas: the devices.
      workspace: the run's folder.
      actions: after every batch, on the first worker.
      save_every: batches between checkpoints.

    Returns:
      The outcomes of all batches, in all workers.

    Raises:
      EarlyStopError: if a signal asked to stop; what was done is kept.
    """
    batches = range(work.num_batches)
    kept = [_kept(work, batch, replicas, workspace) for batch in batches]

    def outcome(batch: int) -> Arrays:
        found = kept[batch]
        if found is None:
            found = kept[batch] = work.make(batch)
            if workspace.is_chief:
                path = work.path(batch)
                make_folder(os.path.dirname(path))
                save_arrays(path, **work.about(batch), **found)
        return found

    def step(state: tuple, batch: int, _: Any) -> tuple[tuple, dict, Arrays]:
        found = outcome(batch)
        return state, work.metrics(found), found

    task = Task(step, tuple, (), batches=itertools.count, unit=work.unit)
    loop = Loop(
        task, replicas, workspace, guard=None, save_every=save_every, part=work.part
    )
    loop.run(work.num_batches, actions if workspace.is_chief else ())
    # Checkpoints know how far the work is; a file of before may be lost since.
    return [outcome(batch) for batch in batches]


def _kept(
    work: BatchWork, batch: int, replicas: Replicas, workspace: Workspace
) -> Arrays | None:
    """The outcome in a file; None, and for all workers, where one cannot use it."""
    stored, path, about = None, work.path(batch), work.about(batch)
    if exists(path):
        try:
            stored = load_arrays(path)
        except RunError as error:
            workspace.log(f"{error} Recomputing it.")
    usable = stored is not None and all(
        name in stored and np.array_equal(stored.pop(name), value)
        for name, value in about.items()
    )
    return stored if all(gather(replicas, int(usable))) else None
