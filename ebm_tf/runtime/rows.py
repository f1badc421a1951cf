"""A function of rows, made one of any number of them: fixed shapes, on all replicas."""

from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from ebm_tf.runtime.distribution import Replicas, distributed, local

# (index of a batch, index of a replica among those of all workers) -> key int32 [2].
KeyFn = Callable[[int, int], tf.Tensor]
# (rows that are left, most rows at once, rows at first) -> rows of the next batch, all
# of one replica.
SizeFn = Callable[[float, int, int], int]


def whole(left: float, most: int, first: int) -> int:
    """Every batch is as large as it may be: one compilation."""
    del left, first
    return most


def parts(*divisors: int) -> SizeFn:
    """What is left goes into the largest part of a whole batch that it fills."""

    def size(left: float, most: int, first: int) -> int:
        del first
        sizes = [most // part for part in divisors if most % part == 0]
        return next((size for size in sizes if size <= left), sizes[-1])

    return size


def fitting(left: float, most: int, first: int) -> int:
    """What is left is filled up to the least sufficient part of the rows at first.

    The parts are 3/4, 1/2, 3/8 and so on: at most a third is wasted.
    """
    ladder = _ladder(min(first, most))
    return min((size for size in ladder if size >= left), default=ladder[0])


def over_rows(
    function: Callable,
    replicas: Replicas,
    batch: int,
    *,
    size_of: SizeFn = whole,
    together: bool = True,
    jit: bool | None = None,
) -> Callable:
    """Compiles a function of rows, once for each size of batch.

    Args:
      function: nests of tensors [b, ...], and after them a key where keys are given
        and tensors that all rows have in common -> a nest of tensors [b, ...]; a row of
        the result depends on the same row of the arguments only.
      replicas: the devices.
      batch: rows at once, over the replicas of all workers.
      size_of: rows of the next batch; the function is compiled for each size.
      together: whether all workers call it with the same rows, share the work and get
        all results. Else this process works alone, on its own replicas.
      jit: whether XLA compiles the function; if None, where it does on these devices.

    Returns:
      (nests of arrays [n, ...], keys: KeyFn, common: tensors, of: rows at first, where
      these are what is left) -> a nest of numpy arrays [n, ...], for n > 0. The last
      batch is filled up with its last row, and cut.

    Raises:
      ConfigError: if the replicas do not divide the batch.
    """
    share, first = replicas.batch_of_each(batch), replicas.worker * replicas.num_local
    width = replicas.count if together else replicas.num_local
    inner = tf.function(
        function, jit_compile=replicas.jit if jit is None else jit, autograph=False
    )
    run = tf.function(
        lambda rows: replicas.strategy.run(inner, args=rows), autograph=False
    )
    joined = _gathering(replicas) if together else _joining(replicas)

    def call(
        *rows: Any,
        keys: KeyFn | None = None,
        common: tuple[tf.Tensor, ...] = (),
        of: int | None = None,
    ) -> Any:
        arrays = tf.nest.map_structure(np.asarray, rows)
        count, start, done = len(tf.nest.flatten(arrays)[0]), 0, []
        at_first = share if of is None else -(-of // width)
        while start < count:
            left = count - start
            size = width * size_of(left / width, share, at_first)
            taken = np.minimum(np.arange(start, start + size), count - 1)
            shares = np.split(taken, width)[first if together else 0 :]
            given = []
            for replica, chosen in enumerate(shares[: replicas.num_local], first):
                key = () if keys is None else (keys(len(done), replica),)
                part = tf.nest.map_structure(lambda array, c=chosen: array[c], arrays)
                given.append((*part, *key, *common))
            found = joined(run(distributed(replicas, given)))
            done.append(tf.nest.map_structure(lambda leaf, n=left: leaf[:n], found))
            start += size
        return tf.nest.map_structure(lambda *leaves: np.concatenate(leaves), *done)

    return call


def _ladder(share: int) -> list[int]:
    """Sizes of batches, each at most a third larger than the next, falling."""
    sizes, halved = [], share
    while halved > 1:
        sizes += [halved, -(-3 * halved // 4)]
        halved = -(-halved // 2)
    return sorted({*sizes, 1, share}, reverse=True)


def _joining(replicas: Replicas) -> Callable:
    """What joins the rows of this process's replicas, in their order."""

    def join(*leaves: tf.Tensor) -> np.ndarray:
        return np.concatenate([leaf.numpy() for leaf in leaves])

    return lambda value: tf.nest.map_structure(join, *local(replicas, value))


def _gathering(replicas: Replicas) -> Callable:
    """What joins the rows of the replicas of all workers, in every process."""
    if replicas.count == replicas.num_local:
        return _joining(replicas)

    def of_all(leaf: Any) -> tf.Tensor:
        here = replicas.strategy.experimental_local_results(leaf)[0]
        if 0 in here.shape[1:]:  # collectives crash where there is nothing to move
            count = replicas.count * tf.shape(here)[0]
            return tf.zeros([count, *here.shape[1:]], here.dtype)
        if here.dtype == tf.bool:  # which collectives cannot move
            leaf = replicas.strategy.run(tf.cast, args=(leaf, tf.int32))
        return tf.cast(replicas.strategy.gather(leaf, axis=0), here.dtype)

    # Compiled: outside a function each gathering would be traced again.
    gathered = tf.function(
        lambda value: tf.nest.map_structure(of_all, value), autograph=False
    )
    return lambda value: tf.nest.map_structure(np.asarray, gathered(value))
