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


# Of Adam, as published.
MEAN_DECAY, SQUARE_DECAY, ADAM_EPSILON = 0.9, 0.999, 1e-8


class AdamMoments(NamedTuple):
    """What Adam knows of the gradients before.

    Attributes:
      mean: of gradients, of their shape.
      square: mean of their squares.
      num_steps: int32 scalar.
    """

    mean: tf.Tensor
    square: tf.Tensor
    num_steps: tf.Tensor


def no_moments(position: tf.Tensor) -> AdamMoments:
    """Those before the first step, at a position of any shape."""
    zeros = tf.zeros_like(position)
    return AdamMoments(zeros, zeros, tf.constant(0))


def adam(moments: AdamMoments, gradient: tf.Tensor) -> tuple[tf.Tensor, AdamMoments]:
    """A step of Adam (Kingma and Ba, 2015, algorithm 1), each number by itself.

    Returns:
      What is to be subtracted, in units of the learning rate, and the moments after.
    """
    count = moments.num_steps + 1
    power = tf.cast(count, tf.float32)
    mean = MEAN_DECAY * moments.mean + (1.0 - MEAN_DECAY) * gradient
    square = SQUARE_DECAY * moments.square + (1.0 - SQUARE_DECAY) * gradient**2
    unbiased_mean = mean / (1.0 - MEAN_DECAY**power)
    unbiased_square = square / (1.0 - SQUARE_DECAY**power)
    change = unbiased_mean / (tf.sqrt(unbiased_square) + ADAM_EPSILON)
    return change, AdamMoments(mean, square, count)


def iterate(
    kernel: Kernel,
    state: Any,
    info: Any,
    num_steps: int | tf.Tensor,
    seed: tf.Tensor,
    *,
    start: int | tf.Tensor = 0,
    until: Callable[[Any], tf.Tensor] | None = None,
) -> tuple[Any, Any]:
    """Runs a kernel for a number of steps.

    The key of a step is `fold_in(seed, its absolute index)`, so a chain in segments is
    the same chain.

    Args:
      kernel: what to run.
      state: its state, of `kernel.init` or of an earlier call.
      info: diagnostics of the step before.
      num_steps: how many steps; a tensor where it is known only later.
      seed: int32 [2].
      start: absolute index of the first step.
      until: state -> bool scalar: no further step is taken where it is true.

    Returns:
      The state after the last step, and the info of that step.
    """
    start = tf.cast(start, tf.int32)
    end = start + tf.cast(num_steps, tf.int32)

    def step(index: tf.Tensor, state: Any, _: Any) -> tuple[tf.Tensor, Any, Any]:
        state, info = kernel.step(state, tf.random.fold_in(seed, index))
        return index + 1, state, info

    def goes_on(index: tf.Tensor, state: Any, _: Any) -> tf.Tensor:
        if until is None:
            return index < end
        return (index < end) & ~until(state)

    _, state, info = tf.while_loop(goes_on, step, (start, state, info))
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

    def array(value: tf.Tensor) -> tf.TensorArray:
        return tf.TensorArray(value.dtype, num_records, element_shape=value.shape)

    def record(index: tf.Tensor, state: Any, info: Any, records: Any):
        first = start + index * every
        state, info = iterate(kernel, state, info, every, seed, start=first)
        records = tf.nest.map_structure(
            lambda array, value: array.write(index, value), records, (state, info)
        )
        return index + 1, state, info, records

    records = tf.nest.map_structure(array, (state, info))
    _, state, info, records = tf.while_loop(
        lambda index, *_: index < num_records,
        record,
        (tf.constant(0), state, info, records),
    )
    return state, info, tf.nest.map_structure(lambda array: array.stack(), records)


def pull_back(kernel: Kernel, states: Any, gradient: Any, seed: tf.Tensor) -> Any:
    """Carries a gradient from the end of a chain back to its beginning.

    Each step is recomputed and differentiated alone, so that besides the states of
    the chain one step is in memory, however many there are.

    Args:
      kernel: what was run; the leaves of its state are real numbers.
      states: the state before each step, each leaf [num_steps, ...].
      gradient: of some number, with respect to the state after the last step, a nest
        like it.
      seed: int32 [2], that the chain was run with.

    Returns:
      The gradient of the number with respect to the first state.
    """

    def back(index: tf.Tensor, gradient: Any) -> tuple[tf.Tensor, Any]:
        state = tf.nest.map_structure(lambda leaf: leaf[index], states)
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(state)
            moved, _ = kernel.step(state, tf.random.fold_in(seed, index))
        gradient = tape.gradient(
            moved,
            state,
            output_gradients=gradient,
            unconnected_gradients=tf.UnconnectedGradients.ZERO,
        )
        return index - 1, gradient

    last = tf.shape(tf.nest.flatten(states)[0])[0] - 1
    _, gradient = tf.while_loop(lambda index, _: index >= 0, back, (last, gradient))
    return gradient
