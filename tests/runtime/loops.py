"""A task without networks, to see the loop alone."""

import collections
import itertools
import os
import types
from collections.abc import Callable, Iterator

import tensorflow as tf

from ebm_tf.config.parts import Guard
from ebm_tf.runtime.checkpoints import HISTORY, Checkpoints, Position
from ebm_tf.runtime.distribution import Replicas
from ebm_tf.runtime.loop import Loop, Moment, Task
from ebm_tf.runtime.workspace import Workspace

# Visit (0 is the first) and update (1 is the first) -> a metric.
MetricFn = Callable[[int, int], float]


class Walk:
    """Adds what depends on the batch, the key and the rate to a weight and a state.

    Anything that a resume forgets changes all that follows.
    """

    def __init__(
        self, loss: MetricFn | None = None, difference: MetricFn | None = None
    ):
        """Takes what to report; without a loss it follows from the weight."""
        self.loss = loss
        self.difference = difference or (lambda *_: 0.5)
        self.weight = tf.Variable([0.0, 0.0])
        self.rate = types.SimpleNamespace(factor=tf.Variable(1.0))
        self.visits: dict[int, int] = {}
        self.seeds: list[tuple[int, tuple[int, ...]]] = []
        self.rates: list[float] = []
        self.num_begun = 0

    def begin(self) -> tuple[tf.Tensor, tf.Tensor]:
        self.num_begun += 1
        return tf.zeros([3]), tf.constant(0, tf.int64)

    def step(self, state, batch: int, seed: tf.Tensor):
        noise = tf.random.stateless_normal([3], seed)
        walker, count = state[0] + noise + batch, state[1] + 1
        rate = self.rate.factor.numpy().item()
        self.weight.assign_add(rate * walker[:2])
        update = int(count)
        assert update == batch + 1, "the batch is not that of the update"
        visit = self.visits[update] = self.visits.get(update, -1) + 1
        self.seeds.append((update, tuple(seed.numpy().tolist())))
        self.rates.append(rate)
        told = float(self.weight[0]) if self.loss is None else self.loss(visit, update)
        metrics = {"loss": told, "energy_difference": self.difference(visit, update)}
        return (walker, count), metrics, walker

    def batches(self, start: int) -> Iterator[int]:
        return itertools.count(start)

    def task(self) -> Task:
        return Task(
            step=self.step,
            initial_state=self.begin,
            state_structure=(0, 0),
            batches=self.batches,
            modules={"weights": types.SimpleNamespace(variables=[self.weight])},
            rates=[self.rate],
            num_dimensions=64,
        )


def make_loop(
    walk: Walk,
    folder: object,
    strategy: tf.distribute.Strategy,
    *,
    guard: Guard | None = None,
    save_every: int = 5,
    seed: int = 0,
) -> Loop:
    tf.io.gfile.makedirs(str(folder))
    return Loop(
        walk.task(),
        Replicas(strategy, jit=False),
        Workspace(str(folder)),
        guard=guard or Guard(),
        save_every=save_every,
        seed=seed,
    )


def checkpoints(folder: object) -> Checkpoints:
    return Checkpoints(os.path.join(str(folder), "checkpoints", "worker_0"))


def recorder() -> tuple[list[int], Callable[[Moment], None]]:
    """A list, and the action that adds every update to it."""
    steps: list[int] = []
    return steps, lambda moment: steps.append(moment.step)


def beginning(state: object) -> Position:
    """The position before the first step."""
    return Position(0, 0, state, collections.deque(maxlen=HISTORY))
