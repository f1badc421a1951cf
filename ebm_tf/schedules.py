"""Values that change with the step."""

from collections.abc import Sequence

import keras
import tensorflow as tf


def piecewise(
    schedule: float | Sequence[tuple[float, int]], step: tf.Tensor, dtype: tf.DType
) -> tf.Tensor:
    """The value that holds at a step.

    Args:
      schedule: a constant, or (value, first step) pairs in rising order from 0.
      step: integer scalar, counted from 0.
      dtype: of the result.
    """
    if not isinstance(schedule, Sequence):
        return tf.constant(schedule, dtype)
    values = tf.constant([value for value, _ in schedule], dtype)
    starts = tf.constant([start for _, start in schedule], tf.int64)
    entry = tf.searchsorted(starts, tf.cast(step, tf.int64)[None], side="right")[0] - 1
    return tf.gather(values, entry)


class ScaledSchedule(keras.optimizers.schedules.LearningRateSchedule):
    """A piecewise learning rate times a factor that can be set while learning.

    Attributes:
      factor: float32 scalar variable, 1 at first.
    """

    def __init__(self, schedule: float | Sequence[tuple[float, int]]):
        """Takes a constant, or (rate, first update) pairs."""
        super().__init__()
        self.schedule = schedule
        self.factor = tf.Variable(1.0, trainable=False, name="rate_factor")

    def __call__(self, step: tf.Tensor) -> tf.Tensor:
        """The rate of an update, counted from 0."""
        return self.factor * piecewise(self.schedule, step, tf.float32)

    def get_config(self) -> dict:
        """What the schedule is rebuilt from."""
        return {"schedule": self.schedule}
