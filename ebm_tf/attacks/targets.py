"""Attacks that aim at one class after another."""

from typing import Protocol

import tensorflow as tf

from ebm_tf.attacks.outcomes import Outcome, merged
from ebm_tf.kernels import Kernel, iterate


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
    num_classes = logits.shape[-1]
    own = tf.one_hot(labels, num_classes, True, False, dtype=tf.bool)
    others = tf.where(own, -float("inf"), logits)
    return tf.math.top_k(others, min(num_targets, num_classes - 1)).indices


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

    def init(outcome: Outcome) -> tuple[tuple[tf.Tensor, Outcome], tuple]:
        return (tf.constant(0), outcome), ()

    def step(state: tuple[tf.Tensor, Outcome], seed: tf.Tensor):
        column, outcome = state
        found = aim(tf.gather(targets, column, axis=1), outcome.broken, seed)
        return (column + 1, merged(outcome, found)), ()

    kernel = Kernel(init, step)
    (_, outcome), _ = iterate(
        kernel,
        *kernel.init(start),
        targets.shape[1],
        seed,
        until=lambda state: tf.reduce_all(state[1].broken),
    )
    return outcome
