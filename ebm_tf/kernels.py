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
    stacked: bool = True,
) -> tuple[Any, Any, Any]:
    """Runs a kernel like `iterate` and records it after every `every` steps.

    Returns:
      The last state, its info, and the pair (state, info) of every record, each
      tensor with a leading dimension of `num_records`; where they are not `stacked`,
      which needs the room of them all once more, TensorArrays.
    """
    start = tf.cast(start, tf.int32)

    def array(value: tf.Tensor) -> tf.TensorArray:
        return tf.TensorArray(
            value.dtype, num_records, element_shape=value.shape, clear_after_read=False
        )

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
    if stacked:
        records = tf.nest.map_structure(lambda array: array.stack(), records)
    return state, info, records


def pull_back(
    kernel: Kernel,
    first: Any,
    later: Any,
    gradient: Any,
    seed: tf.Tensor,
    *,
    start: int | tf.Tensor = 0,
) -> Any:
    """Carries a gradient from the end of a chain back to its beginning.

    Each step is recomputed and differentiated alone, so that besides the states of
    the chain one step is in memory, however many there are.

    Args:
      kernel: what was run; the leaves of its state are real numbers.
      first: the state before the first step.
      later: the states after each step, each leaf a TensorArray, as of `trace`.
      gradient: of some number, with respect to the state after the last step, a nest
        like it.
      seed: int32 [2], that the chain was run with.
      start: absolute index of the first step.

    Returns:
      The gradient of the number with respect to the first state.
    """
    start = tf.cast(start, tf.int32)

    def back(index: tf.Tensor, gradient: Any) -> tuple[tf.Tensor, Any]:
        state = _before(index, first, later)
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(state)
            moved, _ = kernel.step(state, tf.random.fold_in(seed, start + index))
        gradient = tape.gradient(
            moved,
            state,
            output_gradients=gradient,
            unconnected_gradients=tf.UnconnectedGradients.ZERO,
        )
        return index - 1, gradient

    last = tf.nest.flatten(later)[0].size() - 1
    _, gradient = tf.while_loop(lambda index, _: index >= 0, back, (last, gradient))
    return gradient


def there_and_back(
    kernel: Kernel,
    state: Any,
    info: Any,
    num_steps: int,
    seed: tf.Tensor,
    at_end: Callable[[Any], Any],
    *,
    segment: int | None = None,
    back: Kernel | None = None,
) -> Any:
    """Runs a chain, and carries the gradient at its end back to its beginning.

    Args:
      kernel: what is run, as `iterate` takes it; its state and info too.
      state: before the first step.
      info: diagnostics of no step.
      num_steps: of the chain, at least 1.
      seed: int32 [2].
      at_end: the last state -> the gradient of some number there, a nest like it.
      segment: all states are kept if None. Else every so many-th, and those of one
        segment at a time, at the price of a further run; it divides the steps.
      back: whose steps are differentiated, at the states of the kernel; the kernel
        itself if None.

    Returns:
      The gradient of the number with respect to the state before the first step.
    """
    back = back or kernel
    if segment is None:
        end, _, (later, _) = trace(kernel, state, info, num_steps, seed, stacked=False)
        return pull_back(back, state, later, at_end(end), seed)
    count = num_steps // segment
    end, _, (marks, _) = trace(
        kernel, state, info, count, seed, every=segment, stacked=False
    )

    def earlier(index: tf.Tensor, gradient: Any) -> tuple[tf.Tensor, Any]:
        begin = _before(index, state, marks)
        first = index * segment
        _, _, (later, _) = trace(
            kernel, begin, info, segment, seed, start=first, stacked=False
        )
        return index - 1, pull_back(back, begin, later, gradient, seed, start=first)

    last = tf.constant(count - 1)
    _, gradient = tf.while_loop(
        lambda index, _: index >= 0, earlier, (last, at_end(end))
    )
    return gradient


def _before(index: tf.Tensor, first: Any, later: Any) -> Any:
    """The state before a step: the first one, or that of the records after others."""
    return tf.nest.map_structure(
        lambda start, records: tf.where(
            index > 0, records.read(tf.maximum(index - 1, 0)), start
        ),
        first,
        later,
    )
