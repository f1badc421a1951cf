"""Attacks whose images leave them once they are final, on all replicas."""

from collections.abc import Callable

import numpy as np
import tensorflow as tf

from ebm_tf.attacks.rounds import Carry, InRounds, Rows
from ebm_tf.protocols import Attacked
from ebm_tf.runtime.distribution import Replicas
from ebm_tf.runtime.rows import fitting, over_rows

# (images, labels, radii float32 [n], keys int32 [n, 2]) -> arrays [n, ...] by name.
OutcomeFn = Callable[..., dict[str, np.ndarray]]


def in_segments(
    attack: InRounds,
    finished: Callable[[tf.Tensor, Attacked], dict[str, tf.Tensor]],
    replicas: Replicas,
    batch: int,
) -> OutcomeFn:
    """Compiles an attack that goes on with those images only that are not final.

    They are packed again after every segment, and filled up to the next of a few sizes,
    of which the largest is their number at first.
    What an image meets is drawn by its own key, so the result for it is that of an
    attack on all images to the end, but for rounding.

    Args:
      attack: what is run.
      finished: (labels, result) -> the outcome.
      replicas: the devices.
      batch: images at once, over all replicas.
    """

    def outcome(rows: Rows, carry: Carry) -> dict[str, tf.Tensor]:
        return finished(rows.labels, attack.end(rows, carry))

    begin, advance, end = (
        over_rows(function, replicas, batch, size_of=fitting)
        for function in (attack.begin, attack.advance, outcome)
    )

    def run(*arguments: np.ndarray) -> dict[str, np.ndarray]:
        rows = Rows(*arguments)
        num = len(rows.labels)
        carry = begin(rows, of=num)
        for segment in range(attack.num_segments(carry)):
            left = np.flatnonzero(~carry.final)
            if not len(left):
                break
            some = tf.nest.map_structure(lambda a, left=left: a[left], (rows, carry))
            moved = advance(*some, common=(tf.constant(segment),), of=num)
            carry = _written(carry, left, moved)
        return end(rows, carry, of=num)

    return run


def _written(carry: Carry, places: np.ndarray, moved: Carry) -> Carry:
    """What rows have become; those that did not move stay."""
    if len(places) == len(carry.final):
        return moved

    def write(whole: np.ndarray, part: np.ndarray) -> np.ndarray:
        whole = np.array(whole)  # what a device gives cannot be written to
        whole[places] = part
        return whole

    return tf.nest.map_structure(write, carry, moved)
