"""Any number of chains in chunks of a few fixed sizes, spread over the devices."""

from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from ebm_tf.runtime.distribution import Replicas, distributed, local, on_each

# What is left goes into smaller chunks, at the price of a compilation for each size.
_PARTS = (1, 4, 16)


def chunked(function: Callable, replicas: Replicas, chunk: int) -> Callable:
    """Compiles a function of rows into one that takes them in chunks.

    Args:
      function: tensors [c, ...] -> a tensor [c, ...] or a tuple of such; a row of the
        result depends on the same row of the arguments only.
      replicas: the devices.
      chunk: rows at once, over all replicas.

    Returns:
      The same function of any number of rows, with results in the host's memory.

    Raises:
      ConfigError: if the replicas do not divide the chunk.
    """
    replicas.batch_of_each(chunk)
    sizes = [chunk // part for part in _PARTS if chunk % (part * replicas.count) == 0]
    inner = tf.function(function, jit_compile=replicas.jit, autograph=False)
    run = on_each(replicas, lambda rows, _: inner(*rows))
    unused = tf.zeros([2], tf.int32)

    def call(*arguments: tf.Tensor) -> Any:
        arrays = [np.asarray(argument) for argument in arguments]
        done, num = [], len(arrays[0])
        start = 0
        while start < num:
            fitting = [size for size in sizes if size <= num - start]
            size = max(fitting, default=min(sizes))
            end = min(start + size, num)
            # The last row fills up a chunk; its results are cut off.
            taken = np.minimum(np.arange(start, start + size), end - 1)
            rows = _spread(replicas, [array[taken] for array in arrays], size)
            part = _everywhere(replicas, run(rows, unused))
            done.append(
                tf.nest.map_structure(lambda leaf, n=end - start: leaf[:n], part)
            )
            start = end
        return tf.nest.map_structure(lambda *leaves: np.concatenate(leaves), *done)

    return call


def _spread(replicas: Replicas, arrays: list[np.ndarray], size: int) -> Any:
    """The rows that each replica of this process works on."""
    share = size // replicas.count
    first = replicas.worker * replicas.num_local
    pieces = [
        tuple(array[piece * share : (piece + 1) * share] for array in arrays)
        for piece in range(first, first + replicas.num_local)
    ]
    return distributed(replicas, pieces)


def _everywhere(replicas: Replicas, value: Any) -> Any:
    """The rows of all replicas, in their order, in every process."""
    if replicas.count == replicas.num_local:
        parts = local(replicas, value)
        return tf.nest.map_structure(
            lambda *leaves: np.concatenate([leaf.numpy() for leaf in leaves]), *parts
        )
    return tf.nest.map_structure(
        lambda leaf: replicas.strategy.gather(leaf, axis=0).numpy(), value
    )
