"""Values that change with the step."""

import math
from collections.abc import Sequence

import keras
import tensorflow as tf

from ebm_tf.config.optimizers import Cosine, Linear, OneCycle, Warmup

Steps = float | Sequence[tuple[float, int]]
AnySchedule = Steps | OneCycle | Linear | Cosine | Warmup


def value(schedule: AnySchedule, step: tf.Tensor, dtype: tf.DType) -> tf.Tensor:
    """The value of any kind of schedule at a step, counted from 0."""
    if isinstance(schedule, Linear):
        return linear(schedule, step, dtype)
    if isinstance(schedule, OneCycle):
        return one_cycle(schedule, step, dtype)
    if isinstance(schedule, Cosine):
        return cosine(schedule, step, dtype)
    if isinstance(schedule, Warmup):
        return warmup(schedule, step, dtype)
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
    remaining = _remaining(settings.num_steps, step, dtype)
    return settings.last + (settings.first - settings.last) * remaining


def cosine(settings: Cosine, step: tf.Tensor, dtype: tf.DType) -> tf.Tensor:
    """The value at a step, counted from 0, on half a cosine from `first` to `last`."""
    remaining = _remaining(settings.num_steps, step, dtype)
    return _between(settings.first, settings.last, remaining)


def warmup(settings: Warmup, step: tf.Tensor, dtype: tf.DType) -> tf.Tensor:
    """The value that holds at a step, counted from 0: 0 at the first."""
    step = tf.cast(step, tf.int64)
    part = tf.cast(step / tf.constant(settings.num_steps, tf.int64), dtype)
    peak = value(settings.then, tf.constant(0, tf.int64), dtype)
    then = value(settings.then, step, dtype)
    return tf.where(step <= settings.num_steps, peak * part, then)


def _remaining(num_steps: int, step: tf.Tensor, dtype: tf.DType) -> tf.Tensor:
    """The part of the steps that is left at a step, counted from 0; from 1 to 0."""
    count = tf.constant(num_steps, tf.int64)
    left = tf.maximum(count - tf.cast(step, tf.int64), 0)
    return tf.cast(left / count, dtype)


def _between(first: float, last: float, remaining: tf.Tensor) -> tf.Tensor:
    """The value on half a cosine of which a part, from 1 to 0, remains."""
    # (1 + cos(pi t)) / 2 = sin(pi (1 - t) / 2)^2, which keeps all digits near 0.
    return last + (first - last) * tf.square(tf.sin(remaining * (math.pi / 2)))


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
    rising = _between(settings.first, settings.peak, (peak - now) / peak)
    falling = _between(settings.peak, settings.last, (end - now) / (end - peak))
    return tf.where(now <= peak, rising, falling)


class ScaledSchedule(keras.optimizers.schedules.LearningRateSchedule):
    """A learning rate times a factor that can be set while learning.

    Attributes:
      factor: float32 scalar variable, 1 at first.
    """

    def __init__(self, schedule: AnySchedule):
        """Takes any kind of schedule."""
        super().__init__()
        self.schedule = schedule
        self.factor = tf.Variable(1.0, trainable=False, name="rate_factor")

    def __call__(self, step: tf.Tensor) -> tf.Tensor:
        """The rate of an update, counted from 0."""
        return self.factor * value(self.schedule, step, tf.float32)
