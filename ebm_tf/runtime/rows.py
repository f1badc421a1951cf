"""A function of rows, made one of any number of them: fixed shapes, on all replicas."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from ebm_tf.runtime.distribution import Replicas, distributed, local

# (index of a batch, index of a replica among those of all workers) -> key int32 [2].
KeyFn = Callable[[int, int], tf.Tensor]


def over_rows(
    function: Callable,
    replicas: Replicas,
    batch: int,
    *,
    parts: Sequence[int] = (1,),
    fits: bool = False,
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
      parts: what is left goes into the largest fitting batch of `batch / part` rows,
        at the price of a compilation for each.
      fits: whether it is filled up to the smallest fitting size instead, of `batch`,
        or of so many rows as it is a part `of`, 3/4 of them, 1/2, 3/8 and so on: at
        most a third is wasted.
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
    sizes = [share * width // part for part in parts if share % part == 0]
    inner = tf.function(
        function, jit_compile=replicas.jit if jit is None else jit, autograph=False
    )
    run = tf.function(
        lambda rows: replicas.strategy.run(inner, args=rows), autograph=False
    )
    joined = _gathering(replicas) if together else _joining(replicas)

    def size_for(left: int, of: int | None) -> int:
        if fits:
            most = share if of is None else min(-(-of // width), share)
            ladder = [rows * width for rows in _ladder(most)]
            return min((size for size in ladder if size >= left), default=ladder[0])
        return next((size for size in sizes if size <= left), sizes[-1])

    def call(
        *rows: Any,
        keys: KeyFn | None = None,
        common: tuple[tf.Tensor, ...] = (),
        of: int | None = None,
    ) -> Any:
        arrays = tf.nest.map_structure(np.asarray, rows)
        count, start, done = len(tf.nest.flatten(arrays)[0]), 0, []
        while start < count:
            left = count - start
            size = size_for(left, of)
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
        dtype = replicas.strategy.experimental_local_results(leaf)[0].dtype
        if dtype == tf.bool:  # which collectives cannot move
            leaf = replicas.strategy.run(tf.cast, args=(leaf, tf.int32))
        return tf.cast(replicas.strategy.gather(leaf, axis=0), dtype)

    # Compiled: outside a function each gathering would be traced again.
    gathered = tf.function(
        lambda value: tf.nest.map_structure(of_all, value), autograph=False
    )
    return lambda value: tf.nest.map_structure(np.asarray, gathered(value))
