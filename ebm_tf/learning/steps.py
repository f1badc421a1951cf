"""What all learning steps have in common."""

from collections.abc import Callable
from typing import NamedTuple, TypeVar

import tensorflow as tf


class LabelledBatch(NamedTuple):
    """Examples of a replica.

    Attributes:
      images: float32 [b, H, W, C] in [-1, 1].
      labels: int64 [b].
    """

    images: tf.Tensor
    labels: tf.Tensor


State = TypeVar("State")
Batch = TypeVar("Batch")
Outputs = TypeVar("Outputs")

# Float32 scalars of one update, by name.
Metrics = dict[str, tf.Tensor]
# (state, batch, seed) -> (state, metrics, outputs) of one replica.
StepFn = Callable[[State, Batch, tf.Tensor], tuple[State, Metrics, Outputs]]
