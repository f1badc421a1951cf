"""What all runs that learn have in common."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Protocol

import keras
import numpy as np

from ebm_tf.config.parts import Data
from ebm_tf.data.pipelines import load_images
from ebm_tf.data.sources import Source
from ebm_tf.errors import UnnamedWeightsError
from ebm_tf.evaluation.quality import MOST_DIMENSIONS, measure_pixels
from ebm_tf.models.catalogue import summary
from ebm_tf.runtime import figures
from ebm_tf.runtime.distribution import Replicas
from ebm_tf.runtime.loop import Action, Loop, Task
from ebm_tf.runtime.workspace import Workspace

MOST_PICTURED = 100
MOST_MEASURED = 50_000


class LearningSession(Protocol):
    """The networks, the data and the devices of an experiment that learns."""

    @property
    def config(self) -> Any:
        """The experiment, with `guard`, `num_updates` and `seed`."""
        ...

    @property
    def replicas(self) -> Replicas:
        """Its devices."""
        ...

    @property
    def replica_batch(self) -> int:
        """Images per update and replica."""
        ...

    def load_weights(self) -> Iterator[str]:
        """Loads the weights that the config names, and says which files they are."""
        ...

    def task(self) -> Task:
        """What the loop runs."""
        ...


def learn(
    session: LearningSession,
    workspace: Workspace,
    *,
    save_every: int,
    actions: Callable[[], Sequence[Action]],
    before_save: Sequence[Action] = (),
) -> dict[str, Any]:
    """Learns, or goes on learning, to the last update.

    Args:
      session: what learns.
      workspace: the run's folder.
      save_every: updates between checkpoints.
      actions: makes what happens after every update, on the first worker.
      before_save: what happens before every checkpoint.

    Returns:
      `num_updates` and the mean `updates_per_second` of those made now.
    """
    config = session.config
    loop = Loop(
        session.task(),
        session.replicas,
        workspace,
        guard=config.guard,
        save_every=save_every,
        seed=config.seed,
    )
    if not loop.is_saved:
        for line in session.load_weights():
            workspace.log(line)
    begun, num_before = time.monotonic(), loop.num_saved
    loop.run(
        config.num_updates,
        actions() if workspace.is_chief else [],
        before_save=before_save if workspace.is_chief else [],
    )
    pace = (config.num_updates - num_before) / (time.monotonic() - begun) or None
    return {"num_updates": config.num_updates, "updates_per_second": pace}


def describe_networks(
    session: LearningSession, models: Mapping[str, keras.Model]
) -> Iterator[str]:
    """The networks by role, and the replicas that they learn on, a line each."""
    for role, model in models.items():
        yield summary(role, model)
    count, batch = session.replicas.count, session.replica_batch
    yield f"replicas: {count}, each a batch of {batch}"


def describe_weights(session: LearningSession) -> Iterator[str]:
    """The weight files that learning begins with, or which is not named yet."""
    try:
        yield from session.load_weights()
    except UnnamedWeightsError as error:
        yield f"missing: {error}"


def describe_data(source: Source) -> str:
    """Where images come from."""
    return f"data: {source.num_examples:,} images of {source.name}, {source.origin}"


def show_data(source: Source, data: Data, workspace: Workspace) -> None:
    """Writes a picture of the first images."""
    shown, _ = load_images(source, data, limit=MOST_PICTURED)
    figures.save_grid(workspace.path("images", "data.png"), shown)


def measure_samples(
    samples: np.ndarray, source: Source | None, data: Data, workspace: Workspace
) -> dict[str, Any]:
    """Shows samples [n, H, W, C] and measures them against the data.

    Nothing is measured where there is no data, or where images are too large for it.
    """
    figures.save_grid(workspace.path("images", "samples.png"), samples[:MOST_PICTURED])
    if source is None or samples[0].size > MOST_DIMENSIONS:
        return {"frechet_pixel": None, "num_samples": len(samples)}
    reference = load_images(source, data, limit=MOST_MEASURED)
    return measure_pixels(samples, *reference)
