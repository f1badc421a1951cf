"""The outer loop: steps, guard, actions, signals, checkpoints, resume."""

import collections
import contextlib
import dataclasses
import functools
import math
import os
import signal
import statistics
import types
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from ebm_tf.config.parts import Guard
from ebm_tf.errors import DivergenceError, EarlyStopError, RunError
from ebm_tf.runtime import seeds
from ebm_tf.runtime.checkpoints import (
    HISTORY,
    Checkpoints,
    History,
    Position,
    from_arrays,
    to_arrays,
)
from ebm_tf.runtime.distribution import Replicas, gather
from ebm_tf.runtime.seeds import Purpose
from ebm_tf.runtime.workspace import CHECKPOINTS, Workspace

SIGNALS = (signal.SIGINT, signal.SIGTERM)
DIFFERENCE = "energy_difference"  # the metric that the guard bounds
NEAR, NUM_LOOKED_AT = 0.1, 10  # a tenth of the bound, over ten updates


class StopRequest:
    """Whether, and by which signal, the run was asked to stop."""

    def __init__(self) -> None:
        """No signal yet."""
        self.signal_name: str | None = None

    def receive(self, number: int, frame: object) -> None:
        """Notes a signal; the second one of its kind acts as it always does."""
        del frame
        self.signal_name = signal.Signals(number).name
        signal.signal(number, signal.SIG_DFL)

    def __bool__(self) -> bool:
        """Whether a signal came."""
        return self.signal_name is not None


@contextlib.contextmanager
def deferred_stop() -> Iterator[StopRequest]:
    """Holds back SIGTERM and Ctrl-C while the body runs; ask the request for them."""
    request = StopRequest()
    before = {number: signal.getsignal(number) for number in SIGNALS}
    try:
        for number in SIGNALS:
            signal.signal(number, request.receive)
        yield request
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class Task(NamedTuple):
    """Work in steps, such as learning, as the loop sees it.

    Attributes:
      step: (state, batch, seed) -> (state, metrics, outputs), of all replicas.
      initial_state: () -> the distributed state before the first step.
      state_structure: a nest like one replica's state.
      batches: step -> iterator of distributed batches from that step on.
      modules: networks and optimizers by name; their variables are saved.
      rates: the learning rate schedules, slowed by the guard.
      on_rollbacks: called with the number of rollbacks so far, where there were any.
      rate_setting: the setting that they follow, for advice.
      num_dimensions: of an image, to which the guard's bound is relative.
      unit: what a step is called, in the plural.
    """

    step: Callable[[Any, Any, tf.Tensor], tuple[Any, dict[str, float], Any]]
    initial_state: Callable[[], Any]
    state_structure: Any
    batches: Callable[[int], Iterator[Any]]
    modules: Mapping[str, Any] = types.MappingProxyType({})
    rates: Sequence[Any] = ()
    on_rollbacks: Callable[[int], None] = lambda _: None
    rate_setting: str = "energy_optimizer.learning_rate"
    num_dimensions: int = 1
    unit: str = "updates"


class Moment(NamedTuple):
    """What actions see after a step.

    Attributes:
      step: steps so far.
      state: of the task, distributed.
      metrics: of this step.
      outputs: of this step, distributed.
      history: metrics of the last 5,000 steps.
    """

    step: int
    state: Any
    metrics: dict[str, float]
    outputs: Any
    history: History


Action = Callable[[Moment], None]


def every(period: int, action: Action, *also: int) -> Action:
    """The action at every multiple of a period, and at the given steps."""

    def periodic(moment: Moment) -> None:
        if moment.step % period == 0 or moment.step in also:
            action(moment)

    return periodic


def divergence(
    metrics: Mapping[str, float], guard: Guard, num_dimensions: int
) -> str | None:
    """Why learning counts as diverged, or None."""
    for name, value in metrics.items():
        if not math.isfinite(value):
            return f"{name} is {value}"
    difference = abs(metrics.get(DIFFERENCE, 0.0))
    if difference > guard.max_energy_difference * num_dimensions:
        return f"the energy difference ran away to {difference:.3g}"
    return None


def was_running_away(
    history: History, updates_ago: int, guard: Guard, num_dimensions: int
) -> bool:
    """Whether the energy difference was on its way to the guard's bound already.

    Its mean over the last `NUM_LOOKED_AT` updates was beyond `NEAR` of the bound.
    False where the history does not go back so far.
    """
    end = len(history) - updates_ago
    looked_at = list(history)[max(end - NUM_LOOKED_AT, 0) : max(end, 0)]
    if not looked_at:
        return False
    mean = statistics.fmean(metrics.get(DIFFERENCE, 0.0) for metrics in looked_at)
    return abs(mean) > NEAR * guard.max_energy_difference * num_dimensions


@dataclasses.dataclass(frozen=True)
class Loop:
    """Runs a task from where its run stands to its last step.

    Attributes:
      task: what is done.
      replicas: the devices.
      workspace: the run's folder.
      guard: when learning counts as diverged; None for what does not learn.
      save_every: steps between checkpoints.
      seed: of the run.
      part: of the run, where it has several loops: the folder of its checkpoints,
        below that of the run's. A signal stops after its last step, too.
    """

    task: Task
    replicas: Replicas
    workspace: Workspace
    guard: Guard | None
    save_every: int
    seed: int = 0
    part: str = ""

    @functools.cached_property
    def checkpoints(self) -> Checkpoints:
        """The checkpoints of this worker."""
        names = (CHECKPOINTS, self.part, f"worker_{self.workspace.worker}")
        return Checkpoints(os.path.join(self.workspace.folder, *names))

    @property
    def num_saved(self) -> int:
        """Steps that are done and saved."""
        return max(self.checkpoints.steps(), default=0)

    def run(
        self,
        num_steps: int,
        actions: Sequence[Action],
        before_save: Sequence[Action] = (),
    ) -> Position:
        """Goes on until `num_steps` steps are done.

        Args:
          num_steps: counted from the beginning of the run.
          actions: after every step.
          before_save: before every checkpoint but the first.

        Raises:
          EarlyStopError: if a signal asked to stop, or learning diverged too often;
            what was done is saved.
        """
        position = self._restore() if self.is_saved else self._start()
        batches, key = self._streams(position)
        with deferred_stop() as request:
            # One frame holds the state: a bank must not be kept by a caller besides.
            while position.step < num_steps:
                seed = tf.random.fold_in(key, position.step)
                state, metrics, outputs = self.task.step(
                    position.state, next(batches), seed
                )
                reason = self.guard and divergence(
                    metrics, self.guard, self.task.num_dimensions
                )
                if self.guard and reason:
                    position, state, outputs = position._replace(state=None), None, None
                    position = self._roll_back(position, self.guard, reason)
                    batches, key = self._streams(position)
                    continue
                position.history.append(metrics)
                position = position._replace(step=position.step + 1, state=state)
                self._act(position, metrics, outputs, actions)
                stopping = any(gather(self.replicas, bool(request)))
                ended = position.step == num_steps
                if stopping or ended or position.step % self.save_every == 0:
                    self._act(position, metrics, outputs, before_save)
                    self._save(position)
                if stopping and (self.part or not ended):
                    gather(self.replicas, 0)  # workers leave together
                    done = f"{position.step} of {num_steps} {self.task.unit}"
                    cause = request.signal_name or "another worker"
                    raise EarlyStopError(f"Stopped by {cause} and saved after {done}.")
        return position

    def _act(
        self,
        position: Position,
        metrics: dict[str, float],
        outputs: Any,
        actions: Sequence[Action],
    ) -> None:
        moment = Moment(
            position.step, position.state, metrics, outputs, position.history
        )
        for action in actions:
            action(moment)

    def _streams(self, position: Position) -> tuple[Iterator[Any], tf.Tensor]:
        """Data and key from a position on."""
        key = seeds.key(self.seed, Purpose.LEARNING)
        key = tf.random.fold_in(key, position.rollbacks)
        return self.task.batches(position.step), key

    @functools.cached_property
    def is_saved(self) -> bool:
        """Whether all workers have checkpoints."""
        newest = gather(self.replicas, max(self.checkpoints.steps(), default=-1))
        if min(newest) < 0 < max(newest):
            missing = [index for index, step in enumerate(newest) if step < 0]
            raise RunError(
                f"The run in {self.workspace.folder} has no checkpoints of workers "
                f"{missing}: go on with the workers that began it."
            )
        return min(newest) >= 0

    def _start(self) -> Position:
        empty: History = collections.deque(maxlen=HISTORY)
        position = Position(0, 0, self.task.initial_state(), empty)
        self._save(position)
        return position

    def _save(self, position: Position) -> None:
        self.workspace.write_waiting()  # metrics are there up to every checkpoint
        arrays = to_arrays(position, self.task.modules, self.replicas)
        self.checkpoints.save(position.step, arrays)

    def _restore(self) -> Position:
        """Puts everything back to the newest whole checkpoint of all workers."""
        step, arrays = self._newest_whole()
        agreed = min(gather(self.replicas, step))
        if agreed != step:
            step, arrays = agreed, self.checkpoints.load(agreed)
        task = self.task
        position = from_arrays(
            step, arrays, task.modules, task.state_structure, self.replicas
        )
        for later in self.checkpoints.steps():
            if later > step:  # damaged, or not on all workers; they are made again
                self.checkpoints.remove(later)
        self._slow_down(position.rollbacks)
        self.workspace.rewind_metrics(step)
        return position

    def _slow_down(self, rollbacks: int) -> float:
        factor = self.guard.rate_factor**rollbacks if self.guard else 1.0
        for rate in self.task.rates:
            rate.factor.assign(factor)
        self.task.on_rollbacks(rollbacks)
        return factor

    def _newest_whole(self) -> tuple[int, dict[str, np.ndarray]]:
        for step in reversed(self.checkpoints.steps()):
            try:
                return step, self.checkpoints.load(step)
            except RunError as error:
                self.workspace.log(f"{error} Trying the one before it.")
        raise RunError(f"No whole checkpoint is left in {self.checkpoints.folder}.")

    def _roll_back(self, position: Position, guard: Guard, reason: str) -> Position:
        """Goes back to the last good checkpoint with a new key and a lower rate."""
        where = f"Learning diverged at update {position.step + 1}: {reason}."
        if position.rollbacks >= guard.max_rollbacks:
            raise DivergenceError(
                f"{where} It was rolled back {position.rollbacks} times already; the "
                f"last good checkpoint is kept. Try a lower learning rate: --resume "
                f"takes --set {self.task.rate_setting}=RATE."
            )
        self._drop_bad_checkpoints(position, guard)
        restored = self._restore()
        rollbacks = position.rollbacks + 1
        factor = self._slow_down(rollbacks)
        self.workspace.log(
            f"{where} Rolled back to update {restored.step} "
            f"({rollbacks} of {guard.max_rollbacks}), new key, "
            f"learning rates times {factor:g}."
        )
        return restored._replace(rollbacks=rollbacks, returned_to=restored.step)

    def _drop_bad_checkpoints(self, position: Position, guard: Guard) -> None:
        """Removes the newest that have what is wrong in them; the oldest one stays.

        Those of a stop in between go as well: without it they would not be there.
        """
        for step in reversed(self.checkpoints.steps()[1:]):
            led_here_before = step == position.returned_to
            of_a_stop = step % self.save_every != 0
            near = was_running_away(
                position.history, position.step - step, guard, self.task.num_dimensions
            )
            if not (led_here_before or of_a_stop or near):
                return
            self.checkpoints.remove(step)
