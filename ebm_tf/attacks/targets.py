"""Attacks that aim at one class after another."""

from collections.abc import Callable
from typing import Any, Protocol

import tensorflow as tf

from ebm_tf.attacks.outcomes import Outcome, merged
from ebm_tf.kernels import Kernel, iterate
from ebm_tf.robust_objectives import of_others


class AimFn(Protocol):
    """An attack towards a class of each image; it leaves broken images alone."""

    def __call__(
        self, targets: tf.Tensor, broken: tf.Tensor, seed: tf.Tensor
    ) -> Outcome:
        """Aims at targets int32 [n]; `broken`, bool [n], holds what is final."""
        ...


def likeliest_others(
    logits: tf.Tensor, labels: tf.Tensor, num_targets: int
) -> tf.Tensor:
    """The classes of the highest logits but for the label, in falling order.

    Args:
      logits: float32 [n, k] of natural images.
      labels: integers [n].
      num_targets: how many; fewer where there are fewer classes.

    Returns:
      int32 [n, t].
    """
    num_targets = min(num_targets, logits.shape[-1] - 1)
    return tf.math.top_k(of_others(logits, labels), num_targets).indices


def over_targets(
    aim: AimFn, targets: tf.Tensor, start: Outcome, seed: tf.Tensor
) -> Outcome:
    """Aims at the columns of targets, int32 [n, t], until every image is broken.

    Args:
      aim: traced once for all targets.
      targets: classes to aim at.
      start: what is known before; broken images stay as they are.
      seed: int32 [2].
    """

    def advance(outcome: Outcome, aimed_at: tf.Tensor, seed: tf.Tensor) -> Outcome:
        return merged(outcome, aim(aimed_at, outcome.broken, seed))

    return for_each_target(
        advance, targets, start, seed, until=lambda now: tf.reduce_all(now.broken)
    )


def for_each_target(
    advance: Callable[[Any, tf.Tensor, tf.Tensor], Any],
    targets: tf.Tensor,
    start: Any,
    seed: tf.Tensor,
    *,
    until: Callable[[Any], tf.Tensor] | None = None,
) -> Any:
    """Advances a state for each column of targets, int32 [n, t].

    Args:
      advance: (state, classes [n], key) -> state; traced once for all targets.
      targets: classes to aim at.
      start: the first state.
      seed: int32 [2].
      until: state -> bool scalar, whether nothing is left to do.
    """

    def step(state: tuple[tf.Tensor, Any], seed: tf.Tensor):
        column, current = state
        aimed_at = tf.gather(targets, column, axis=1)
        return (column + 1, advance(current, aimed_at, seed)), ()

    kernel = Kernel(lambda start: ((tf.constant(0), start), ()), step)
    (_, last), _ = iterate(
        kernel,
        *kernel.init(start),
        targets.shape[1],
        seed,
        until=until and (lambda state: until(state[1])),
    )
    return last
