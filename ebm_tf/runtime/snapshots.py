"""Where a run stands, as named arrays and back."""

import collections
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from ebm_tf.errors import RunError
from ebm_tf.runtime.distribution import Replicas, distributed, local

HISTORY = 5000

History = collections.deque[dict[str, float]]


class Position(NamedTuple):
    """Where a run stands: everything but the variables of its modules.

    Attributes:
      step: updates so far.
      rollbacks: how often the run went back to a checkpoint.
      state: of the task, distributed.
      history: metrics of the last updates.
      returned_to: step of the checkpoint of the last rollback in this process.
    """

    step: int
    rollbacks: int
    state: Any
    history: History
    returned_to: int | None


def beginning(state: Any) -> Position:
    """The position before the first update."""
    return Position(0, 0, state, collections.deque(maxlen=HISTORY), returned_to=None)


def to_arrays(
    position: Position, modules: Mapping[str, Any], replicas: Replicas
) -> Iterator[tuple[str, Any]]:
    """Names and values of all that must be kept, one at a time."""
    yield "num_replicas", replicas.count
    yield "num_local", replicas.num_local
    yield "rollbacks", position.rollbacks
    names = list(position.history[0]) if position.history else []
    yield "history_names", np.array(names, np.str_)
    yield "history", np.array([list(m.values()) for m in position.history])
    for index, part in enumerate(local(replicas, position.state)):
        for leaf, value in enumerate(tf.nest.flatten(part)):
            yield f"state/{index}/{leaf}", value
    for name, module in modules.items():
        for index, variable in enumerate(module.variables):
            yield f"{name}/{index}", variable.numpy()


def from_arrays(
    step: int,
    arrays: dict[str, np.ndarray],
    modules: Mapping[str, Any],
    state_structure: Any,
    replicas: Replicas,
) -> Position:
    """Gives the modules their variables back, and returns the position.

    Args:
      step: of the checkpoint.
      arrays: what `to_arrays` named.
      modules: networks and optimizers by name.
      state_structure: a nest like one replica's state.
      replicas: as many as when the arrays were saved.

    Raises:
      RunError: if the arrays are of other networks or of other replicas.
    """
    try:
        saved, rollbacks = int(arrays["num_replicas"]), int(arrays["rollbacks"])
        for name, module in modules.items():
            for index, variable in enumerate(module.variables):
                variable.assign(arrays[f"{name}/{index}"])
    except (KeyError, ValueError) as error:
        raise RunError(
            f"The checkpoint of step {step} is of other networks or another version."
        ) from error
    if saved != replicas.count:
        raise RunError(
            f"The run was saved with {saved} replicas and cannot go on with "
            f"{replicas.count}."
        )
    # Checkpoints of earlier versions lack it.
    saved_here = int(arrays.get("num_local", replicas.num_local))
    if saved_here != replicas.num_local:
        raise RunError(
            f"The run was saved with {saved_here} replicas on each worker and cannot "
            f"go on with {replicas.num_local}."
        )
    leaves = range(len(tf.nest.flatten(state_structure)))
    parts = [
        tf.nest.pack_sequence_as(
            state_structure, [arrays[f"state/{index}/{leaf}"] for leaf in leaves]
        )
        for index in range(replicas.num_local)
    ]
    names = arrays["history_names"].tolist()
    history: History = collections.deque(
        (dict(zip(names, row, strict=True)) for row in arrays["history"].tolist()),
        maxlen=HISTORY,
    )
    state = distributed(replicas, parts)
    return Position(step, rollbacks, state, history, returned_to=None)
