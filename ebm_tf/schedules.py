"""Values that change with the step."""

import math
from collections.abc import Sequence

import keras
import tensorflow as tf

from ebm_tf.config.optimizers import Linear, OneCycle

Steps = float | Sequence[tuple[float, int]]
AnySchedule = Steps | OneCycle | Linear


def value(schedule: AnySchedule, step: tf.Tensor, dtype: tf.DType) -> tf.Tensor:
    """The value of any kind of schedule at a step, counted from 0."""
    if isinstance(schedule, Linear):
        return linear(schedule, step, dtype)
    if isinstance(schedule, OneCycle):
        return one_cycle(schedule, step, dtype)
    return piecewise(schedule, step, dtype)


def piecewise(schedule: Steps, step: tf.Tensor, dtype: tf.DType) -> tf.Tensor:
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


def linear(settings: Linear, step: tf.Tensor, dtype: tf.DType) -> tf.Tensor:
    """The value at a step on the straight way from `first` to `last`."""
    num_steps = tf.constant(settings.num_steps, tf.int64)
    remaining = tf.maximum(num_steps - tf.cast(step, tf.int64), 0) / num_steps
    return settings.last + (settings.first - settings.last) * tf.cast(remaining, dtype)


def one_cycle(settings: OneCycle, step: tf.Tensor, dtype: tf.DType) -> tf.Tensor:
    """The value that holds at a step of a cycle (Smith and Topin, 2018).

    Args:
      settings: first, highest and last value, and when they are reached.
      step: integer scalar, counted from 0.
      dtype: of the result, a floating one.
    """
    end = settings.num_steps - 1.0
    peak = settings.rise * settings.num_steps - 1.0
    now = tf.minimum(tf.cast(step, dtype), end)

    def between(first: float, last: float, remaining: tf.Tensor) -> tf.Tensor:
        # (1 + cos(pi t)) / 2 = sin(pi (1 - t) / 2)^2, which keeps all digits near 0.
        return last + (first - last) * tf.square(tf.sin(remaining * (math.pi / 2)))

    rising = between(settings.first, settings.peak, (peak - now) / peak)
    falling = between(settings.peak, settings.last, (end - now) / (end - peak))
    return tf.where(now <= peak, rising, falling)


class ScaledSchedule(keras.optimizers.schedules.LearningRateSchedule):
    """A learning rate times a factor that can be set while learning.

    Attributes:
      factor: float32 scalar variable, 1 at first.
    """

    def __init__(self, schedule: AnySchedule):
        """Takes a constant, (rate, first update) pairs, an even decay, or a cycle."""
        super().__init__()
        self.schedule = schedule
        self.factor = tf.Variable(1.0, trainable=False, name="rate_factor")

    def __call__(self, step: tf.Tensor) -> tf.Tensor:
        """The rate of an update, counted from 0."""
        return self.factor * value(self.schedule, step, tf.float32)
