"""Replicas on whatever devices there are: the only place that knows strategies."""

import contextlib
import functools
import gc
import json
import os
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import tensorflow as tf
from tensorflow.python.framework import ops

from ebm_tf.errors import ConfigError, DeviceError

# What TensorFlow raises in the workers that are left when one of them dies.
LostWorkerError = tf.errors.UnavailableError
OutOfMemoryError = tf.errors.ResourceExhaustedError

LANES = 2  # of a CPU


class Replicas(NamedTuple):
    """The devices of a run.

    Attributes:
      strategy: of `tf.distribute`.
      jit: whether XLA compiles pure functions on these devices.
      lanes: parts of a replica's batch that are computed side by side.
    """

    strategy: tf.distribute.Strategy
    jit: bool
    lanes: int = 1

    @property
    def count(self) -> int:
        """Replicas over all workers."""
        return self.strategy.num_replicas_in_sync

    @property
    def worker(self) -> int:
        """Index of this process among the workers."""
        resolver = self.strategy.cluster_resolver
        if resolver is None or not resolver.cluster_spec().jobs:
            return 0
        return _worker_index(resolver.task_type, resolver.task_id)

    @property
    def num_local(self) -> int:
        """Replicas of this process."""
        return len(self.strategy.extended.worker_devices) or 1

    def batch_of_each(self, batch: int) -> int:
        """The part of a global batch that one replica works on."""
        if batch % self.count:
            raise ConfigError(
                f"Expected batch={batch} to be divisible by {self.count} replicas."
            )
        return batch // self.count


def _worker_index(task_type: str | None, task_id: int | None) -> int:
    """Chief first, then the workers in their order."""
    cluster = tf.distribute.cluster_resolver.TFConfigClusterResolver().cluster_spec()
    offset = cluster.num_tasks("chief") if "chief" in cluster.jobs else 0
    return (task_id or 0) + (offset if task_type == "worker" else 0)


@functools.cache
def make_replicas(device: str, in_lanes: bool = False) -> Replicas:
    """The replicas of a device type: "auto", "cpu", "gpu" or "tpu".

    All visible devices of the type are used; several machines where TF_CONFIG names
    a cluster, or SLURM started several tasks. Call it before anything else touches
    TensorFlow.

    Args:
      device: the type.
      in_lanes: whether the work can be done in parts side by side. A CPU then does it
        in two lanes with half of the cores each: its threads lose much of their time
        where they share a small convolution.

    Raises:
      DeviceError: if there is no such device.
    """
    _keep_reads_before_writes()
    _name_slurm_tasks()
    if device == "tpu":
        return Replicas(_tpu_strategy(), jit=True)
    gpus = tf.config.list_physical_devices("GPU")
    if device == "gpu" and not gpus:
        raise DeviceError(
            "TensorFlow sees no GPU: run with --device cpu, or check nvidia-smi and "
            "run setup.sh again once a driver is installed."
        )
    kind = "CPU" if device == "cpu" or not gpus else "GPU"
    with contextlib.suppress(RuntimeError):  # TensorFlow runs already, as in notebooks
        if kind == "CPU":
            tf.config.set_visible_devices([], "GPU")
        for gpu in gpus if kind == "GPU" else []:
            tf.config.experimental.set_memory_growth(gpu, True)
    if kind == "GPU" or not in_lanes:
        return Replicas(_local_strategy(kind), jit=kind == "GPU")
    _divide_cores()
    replicas = Replicas(_local_strategy(kind), jit=False)
    return replicas._replace(lanes=LANES if replicas.num_local == 1 else 1)


def forget_programs() -> None:
    """Lets go of what was traced, where a process begins another experiment.

    TensorFlow registers the gradient of every traced `all_reduce` and `silu` for good,
    and with it the whole program around it: 50 MB for a step of learning.
    """
    registered = ops.gradient_registry._registry
    for name in [name for name in registered if name.startswith("CustomGradient-")]:
        del registered[name]
    gc.collect()


def _name_slurm_tasks() -> None:
    """Names the tasks of a step of SLURM in TF_CONFIG, as TensorFlow finds them.

    A task takes the GPUs that SLURM shows it. The strategy does not get the resolver
    itself, which needs GPUs and counts them by nvidia-smi.

    Raises:
      DeviceError: if SLURM's variables are not those of a step.
    """
    count = os.environ.get("SLURM_STEP_NUM_TASKS", "1")
    if count == "1" or "TF_CONFIG" in os.environ:
        return
    # Jobs that share a machine do not share its ports.
    port = 12_000 + int(os.environ.get("SLURM_JOB_ID", 0)) % 1000 * 16
    try:
        resolver = tf.distribute.cluster_resolver.SlurmClusterResolver(
            port_base=port,
            gpus_per_node=int(count),
            gpus_per_task=1,
            auto_set_gpu=False,
        )
        workers = resolver.cluster_spec().as_dict()["worker"]
    except (RuntimeError, ValueError) as error:
        raise DeviceError(f"The tasks of SLURM cannot be found: {error}") from error
    # It sorts machines as words, SLURM as numbers: n10 comes before n2, or after.
    local = port + int(os.environ.get("SLURM_LOCALID", -1))
    here = f"{os.environ.get('SLURMD_NODENAME')}:{local}"
    index = workers.index(here) if here in workers else resolver.task_id
    task = {"type": "worker", "index": index}
    os.environ["TF_CONFIG"] = json.dumps({"cluster": {"worker": workers}, "task": task})


def _divide_cores() -> None:
    """Gives an operation the cores of one lane, if the user has not said how many."""
    if "TF_NUM_INTRAOP_THREADS" in os.environ:
        return
    with contextlib.suppress(RuntimeError):  # TensorFlow runs already, as in tests
        here = getattr(os, "sched_getaffinity", None)  # not on every system
        cores = len(here(0)) if here else os.cpu_count() or LANES
        tf.config.threading.set_intra_op_parallelism_threads(max(1, cores // LANES))


def _keep_reads_before_writes() -> None:
    """Switches one optimizer of graphs off, which makes updates race.

    TensorFlow 2.21 traces a step with control edges from each reading of a weight to
    its update, and then "dependency optimization" removes them: a forward pass that no
    gradient waits for now and then took the new weights, one update in 500 of a small
    network on busy cores. `tests/runtime/test_update_order.py` looks at the graph.
    """
    tf.config.optimizer.set_experimental_options({"dependency_optimization": False})


@functools.cache  # two strategies of one process would mix up their collectives
def _local_strategy(kind: str) -> tf.distribute.Strategy:
    resolver = tf.distribute.cluster_resolver.TFConfigClusterResolver()
    if resolver.cluster_spec().jobs:
        return tf.distribute.MultiWorkerMirroredStrategy(resolver)
    devices = [device.name for device in tf.config.list_logical_devices(kind)]
    if len(devices) == 1:
        return tf.distribute.OneDeviceStrategy(devices[0])
    return tf.distribute.MirroredStrategy(devices)


def _tpu_strategy() -> tf.distribute.Strategy:
    try:
        resolver = tf.distribute.cluster_resolver.TPUClusterResolver(tpu="local")
        tf.config.experimental_connect_to_cluster(resolver)
        tf.tpu.experimental.initialize_tpu_system(resolver)
    except (ValueError, RuntimeError, tf.errors.OpError) as error:
        raise DeviceError(
            "TensorFlow sees no TPU: run on a TPU VM after setup_tpu.sh, or with "
            "--device cpu."
        ) from error
    return tf.distribute.TPUStrategy(resolver)


def replicated(replicas: Replicas, step: Callable) -> Callable:
    """Compiles a replica's step (state, batch, seed) into one of all replicas.

    Every replica's seed is folded with its index, so no two draw the same noise.
    Metrics come back as means over replicas, states and outputs as they are.
    """
    strategy = replicas.strategy
    names: list[str] = []

    @tf.function(autograph=False)
    def run(state: Any, batch: Any, seed: tf.Tensor) -> Any:
        def replica_step(state: Any, batch: Any) -> Any:
            state, metrics, outputs = step(state, batch, of_replica(seed))
            names[:] = metrics
            # One tensor, so that many metrics cost one reduction.
            return state, tf.stack(list(metrics.values())), outputs

        state, values, outputs = strategy.run(replica_step, args=(state, batch))
        values = strategy.reduce(tf.distribute.ReduceOp.MEAN, values, axis=None)
        return state, values, outputs

    def call(state: Any, batch: Any, seed: tf.Tensor) -> Any:
        state, values, outputs = run(state, batch, seed)
        return state, dict(zip(names, values.numpy().tolist(), strict=True)), outputs

    return call


def local(replicas: Replicas, value: Any) -> list[Any]:
    """The parts of a distributed structure that lie on this process's replicas."""
    leaves = [
        replicas.strategy.experimental_local_results(leaf)
        for leaf in tf.nest.flatten(value)
    ]
    return [
        tf.nest.pack_sequence_as(value, list(parts))
        for parts in zip(*leaves, strict=True)
    ]


def distributed(replicas: Replicas, parts: Sequence[Any]) -> Any:
    """The distributed structure of what this process's replicas shall hold.

    Each part lies on its replica's device, as what a step returns does: TensorFlow
    compiles a step again for arguments that lie elsewhere.
    """
    if replicas.count == 1:
        return tf.nest.map_structure(tf.convert_to_tensor, parts[0])
    strategy = replicas.strategy

    def spread(*leaves: Any) -> Any:
        def part(context: Any) -> tf.Tensor:
            index = context.replica_id_in_sync_group % len(leaves)
            with tf.device(strategy.extended.worker_devices[index]):
                return tf.identity(leaves[index])

        return strategy.experimental_distribute_values_from_function(part)

    return tf.nest.map_structure(spread, *parts)


def joined(pieces: Iterable[list[Any]], count: int) -> list[Any]:
    """Joins `count` pieces of this process's replicas along their first dimension.

    Every piece is written to its place as it comes, so that no second copy is held.
    """
    wholes: list[tf.Variable] = []
    piece: list[Any] = []
    for index, piece in enumerate(pieces):
        leaves = tf.nest.flatten(piece)
        wholes = wholes or [_room_for(leaf, count) for leaf in leaves]
        for whole, leaf in zip(wholes, leaves, strict=True):
            if leaf.shape.num_elements():  # TensorFlow cannot write nothing
                size = leaf.shape[0]
                whole[index * size : (index + 1) * size].assign(leaf)
    return tf.nest.pack_sequence_as(piece, [tf.convert_to_tensor(w) for w in wholes])


def _room_for(leaf: tf.Tensor, count: int) -> tf.Variable:
    with tf.device(leaf.device):
        return tf.Variable(
            tf.zeros([count * leaf.shape[0], *leaf.shape[1:]], leaf.dtype)
        )


def on_each(replicas: Replicas, function: Callable) -> Callable:
    """Compiles a replica's function (batch, seed) into one of all replicas."""

    @tf.function(autograph=False)
    def run(batch: Any, seed: tf.Tensor) -> Any:
        def part(batch: Any) -> Any:
            return function(batch, of_replica(seed))

        return replicas.strategy.run(part, args=(batch,))

    return run


def of_replica(seed: tf.Tensor) -> tf.Tensor:
    """The key of the replica that calls it."""
    return tf.random.fold_in(seed, replica_index())


def replica_index() -> int | tf.Tensor:
    """The index, over all workers, of the replica that calls it."""
    return tf.distribute.get_replica_context().replica_id_in_sync_group


def gather(replicas: Replicas, value: int) -> list[int]:
    """One number of every worker, in the order of workers, on every worker."""
    if replicas.count == replicas.num_local:
        return [value]
    spread = replicas.strategy.experimental_distribute_values_from_function(
        lambda context: tf.one_hot(
            context.replica_id_in_sync_group, replicas.count, value, 0, dtype=tf.int64
        )
    )
    return _summed(replicas)(spread).numpy()[:: replicas.num_local].tolist()


@functools.cache
def _summed(replicas: Replicas) -> Callable:
    """Compiled once: outside a function the sum would be traced at every call."""

    @tf.function(autograph=False)
    def run(spread: Any) -> tf.Tensor:
        return replicas.strategy.reduce(tf.distribute.ReduceOp.SUM, spread, axis=None)

    return run
