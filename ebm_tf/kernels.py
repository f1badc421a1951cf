"""Kernels, and the only loops over them."""

from collections.abc import Callable
from typing import Any, NamedTuple

import tensorflow as tf


class Kernel(NamedTuple):
    """One step of a chain, as two pure functions.

    Attributes:
      init: position -> (state, info): what the first step starts from, and the
        diagnostics of no step (zeros of the shapes that `step` returns).
      step: (state, seed) -> (state, info). The state carries to the next step, the
        info is diagnostics only; both keep their shapes.
    """

    init: Callable[[Any], tuple[Any, Any]]
    step: Callable[[Any, tf.Tensor], tuple[Any, Any]]


def iterate(
    kernel: Kernel,
    state: Any,
    info: Any,
    num_steps: int | tf.Tensor,
    seed: tf.Tensor,
    *,
    start: int | tf.Tensor = 0,
) -> tuple[Any, Any]:
    """Runs a kernel for a number of steps.

    The key of a step is `fold_in(seed, its absolute index)`, so a chain that is cut
    into pieces is the same chain.

    Args:
      kernel: what to run.
      state: its state, of `kernel.init` or of an earlier call.
      info: diagnostics of the step before.
      num_steps: how many steps; a tensor where it is known only later.
      seed: int32 [2].
      start: absolute index of the first step.

    Returns:
      The state after the last step, and the info of that step.
    """
    start = tf.cast(start, tf.int32)
    end = start + tf.cast(num_steps, tf.int32)

    def step(index: tf.Tensor, state: Any, _: Any) -> tuple[tf.Tensor, Any, Any]:
        state, info = kernel.step(state, tf.random.fold_in(seed, index))
        return index + 1, state, info

    _, state, info = tf.while_loop(
        lambda index, *_: index < end, step, (start, state, info)
    )
    return state, info


def trace(
    kernel: Kernel,
    state: Any,
    info: Any,
    num_records: int,
    seed: tf.Tensor,
    *,
    every: int = 1,
    start: int | tf.Tensor = 0,
) -> tuple[Any, Any, Any]:
    """Runs a kernel like `iterate` and records it after every `every` steps.

    Returns:
      The last state, its info, and the pair (state, info) of every record, each
      tensor with a leading dimension of `num_records`.
    """
    start = tf.cast(start, tf.int32)

    def arrays(value: tf.Tensor) -> tf.TensorArray:
        return tf.TensorArray(value.dtype, num_records, element_shape=value.shape)

    def write(array: tf.TensorArray, index: tf.Tensor, value: tf.Tensor):
        return array.write(index, value)

    def record(index: tf.Tensor, state: Any, info: Any, records: Any):
        state, info = iterate(
            kernel, state, info, every, seed, start=start + index * every
        )
        records = tf.nest.map_structure(
            lambda array, value: write(array, index, value), records, (state, info)
        )
        return index + 1, state, info, records

    records = tf.nest.map_structure(arrays, (state, info))
    _, state, info, records = tf.while_loop(
        lambda index, *_: index < num_records,
        record,
        (tf.constant(0), state, info, records),
    )
    return state, info, tf.nest.map_structure(lambda array: array.stack(), records)
