"""The words of all learning steps."""

from collections.abc import Callable
from typing import TypeVar

import tensorflow as tf

State = TypeVar("State")
Batch = TypeVar("Batch")
Outputs = TypeVar("Outputs")

# Float32 scalars of one update, by name.
Metrics = dict[str, tf.Tensor]
# (state, batch, seed) -> (state, metrics, outputs) of one replica.
StepFn = Callable[[State, Batch, tf.Tensor], tuple[State, Metrics, Outputs]]
