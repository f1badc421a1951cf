"""What a system that learns hands over, and the one run that learns."""

import dataclasses
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import keras
import numpy as np

from ebm_tf.errors import UnnamedWeightsError
from ebm_tf.runtime import actions, plots
from ebm_tf.runtime.distribution import Replicas
from ebm_tf.runtime.inputs import require_same
from ebm_tf.runtime.loop import Action, Loop, Task
from ebm_tf.runtime.workspace import Workspace

NUM_PICTURED = 100

ModelFn = Callable[[], keras.Model]
ActionsFn = Callable[[Workspace], Sequence[Action]]


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Learner:
    """A system that learns, composed.

    Attributes:
      config: the experiment, with `seed`, `guard`, `num_updates` and `log_every`.
      replicas: its devices.
      task: the learning step, its state, its batches and what checkpoints hold.
      networks: all networks, by role.
      initial_weights: loads the weights that the config names; yields a line each.
      save_every: gives the updates between checkpoints.
      open_data: opens the data before anything is learned, and checks its labels, a
        `few` or all; yields a line each.
      examples: gives the first images [n, H, W, C] of the data; None if there is none.
      weights: what gives the networks whose weights are written before each
        checkpoint, by the name of their files.
      frozen: the networks whose weights are written once, by role.
      actions: what happens after updates besides progress and metrics.
      before_save: what happens before each checkpoint, after weights are written.
      measure: the reported metrics of what was learned, on every worker.
      notes: lines of a dry run beside those on networks, weights and data.
      inputs: hashes of what is learned from, compared where a run goes on; they are
        of images of the user's own, on which the log has the notes.
    """

    config: Any
    replicas: Replicas
    task: Task
    networks: Mapping[str, keras.Model]
    initial_weights: Callable[[], Iterator[str]]
    save_every: Callable[[], int]
    open_data: Callable[..., Iterable[str]]
    measure: Callable[[Workspace], dict[str, Any]]
    examples: Callable[[], np.ndarray] | None = None
    weights: Mapping[str, ModelFn] = dataclasses.field(default_factory=dict)
    frozen: Mapping[str, keras.Model] = dataclasses.field(default_factory=dict)
    actions: ActionsFn = lambda _: ()
    before_save: ActionsFn = lambda _: ()
    notes: Callable[[], Iterable[str]] = tuple
    inputs: Callable[[], Mapping[str, str]] = dict


def entry_points(
    build: Callable[[Any], Learner],
) -> tuple[Callable[..., dict[str, Any]], Callable[..., Iterator[str]]]:
    """The functions `run` and `describe` of an executable that learns.

    Args:
      build: composes the system of a config; it reads no data.

    Returns:
      run: (config, workspace) -> the reported metrics; it learns, or goes on learning.
      describe: config -> what a run would build and read, a line each.
    """
    return (
        lambda config, workspace: learn(build(config), workspace),
        lambda config: describe(build(config)),
    )


def learn(learner: Learner, workspace: Workspace) -> dict[str, Any]:
    """Learns, or goes on learning, to the last update, then measures.

    Returns:
      The reported metrics, with `num_updates` and the mean `updates_per_second` of
      those made now.
    """
    config = learner.config
    inputs = learner.inputs()
    require_same(workspace, inputs)
    loop = Loop(
        learner.task,
        learner.replicas,
        workspace,
        guard=config.guard,
        save_every=learner.save_every(),
        seed=config.seed,
    )
    if not loop.is_saved:
        for line in (*(learner.notes() if inputs else ()), *learner.initial_weights()):
            workspace.log(line)
    for line in learner.open_data(few=loop.is_saved):
        workspace.log(line)
    if learner.examples is not None and workspace.is_chief:
        plots.save_grid(workspace.path("images", "data.png"), learner.examples())
    begun, num_before = time.monotonic(), loop.num_saved
    loop.run(
        config.num_updates,
        _actions(learner, workspace) if workspace.is_chief else [],
        before_save=_before_save(learner, workspace) if workspace.is_chief else [],
    )
    pace = (config.num_updates - num_before) / (time.monotonic() - begun) or None
    done = {"num_updates": config.num_updates, "updates_per_second": pace}
    return done | learner.measure(workspace)


def _actions(learner: Learner, workspace: Workspace) -> list[Action]:
    """What happens after updates, on the first worker."""
    config = learner.config
    return [
        actions.show_progress(config.num_updates),
        actions.log_metrics(workspace, config.num_updates, config.log_every),
        *learner.actions(workspace),
    ]


def _before_save(learner: Learner, workspace: Workspace) -> list[Action]:
    """Writes weights, so that a run's folder has all of its networks."""
    return [
        *(actions.save_network(workspace, *item) for item in learner.weights.items()),
        *(actions.save_once(workspace, *item) for item in learner.frozen.items()),
        *learner.before_save(workspace),
    ]


def describe(learner: Learner) -> Iterator[str]:
    """What a run would build and read, a line each; nothing is written."""
    for role, model in learner.networks.items():
        yield summary(role, model)
    replicas, batch = learner.replicas, learner.config.batch
    yield f"replicas: {replicas.count}, each a batch of {replicas.batch_of_each(batch)}"
    try:
        yield from learner.initial_weights()
    except UnnamedWeightsError as error:
        yield f"missing: {error}"
    yield from learner.notes()
    yield from learner.open_data(few=True)


def summary(role: str, model: keras.Model) -> str:
    """A network and its size, for people."""
    return f"{role}: {model.name}, {model.count_params():,} parameters"
