"""What benchmarks/operations.py profiles. Runs in a process of its own."""

import collections
import importlib
import pathlib
import tempfile
from collections.abc import Callable, Iterator
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from tensorflow.tsl.profiler.protobuf import xplane_pb2

from benchmarks.workers import Measurements
from ebm_tf.evaluation.features import CHUNK, extracted, inception_keras
from ebm_tf.runtime.distribution import make_replicas

_WARM = 2


def measurements(settings: tuple[str, str, Any, int] | None) -> Measurements:
    """The operations of another module's measurement; or a measurement of its own.

    Args:
      settings: module, measurement, its settings, number of calls.
    """
    if settings is None:
        return {"inception": _inception()}
    module, name, inner, calls = settings
    call = importlib.import_module(module).measurements(inner)[name]
    return {"operations": lambda: _operations(call, calls)}


def _inception() -> Callable[[], Any]:
    replicas = make_replicas("auto", True)
    inception: Any = keras.applications.InceptionV3  # whose weights are typed as str
    model = inception(include_top=False, weights=None, pooling="avg")
    extractor = inception_keras(model, "random")
    shape = (CHUNK, 32, 32, 3)
    images = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    return lambda: list(extracted([images], extractor, replicas))


def _operations(call: Callable[[], Any], calls: int) -> list[tuple[str, float]]:
    """(kind, milliseconds of threads) of all operations, the longest first."""
    for _ in range(_WARM):
        call()
    with tempfile.TemporaryDirectory() as folder:
        with tf.profiler.experimental.Profile(folder):
            for _ in range(calls):
                call()
        found = collections.Counter()
        for path in pathlib.Path(folder).rglob("*.xplane.pb"):
            found.update(dict(_times(path)))
    return [(kind, 1e-9 * time) for kind, time in found.most_common()]


def _times(path: pathlib.Path) -> Iterator[tuple[str, int]]:
    """(kind, picoseconds) of operations, without what they contain of others."""
    messages: Any = xplane_pb2  # which is made as it is imported
    space = messages.XSpace.FromString(path.read_bytes())
    times: collections.Counter[str] = collections.Counter()
    for plane in space.planes:
        names = {key: entry.name for key, entry in plane.event_metadata.items()}
        for line in plane.lines:
            times.update(own_times(line.events, names))
    yield from times.items()


def _computes(kind: str) -> bool:
    """Whether it is an operation of TensorFlow, and none that runs others."""
    is_known = kind.startswith("_") or hasattr(tf.raw_ops, kind)
    return is_known and not kind.endswith(("Call", "While", "If", "Case"))


def own_times(events: Any, names: dict[int, str]) -> collections.Counter[str]:
    """Times of the operations of one thread, less those of others inside them."""
    times: collections.Counter[str] = collections.Counter()
    open_ones: list[tuple[int, str]] = []  # (end, kind) of operations around this one
    for event in sorted(events, key=lambda e: (e.offset_ps, -e.duration_ps)):
        _, colon, kind = names[event.metadata_id].rpartition(":")
        if not colon or not _computes(kind):
            continue
        while open_ones and open_ones[-1][0] <= event.offset_ps:
            open_ones.pop()
        times[kind] += event.duration_ps
        if open_ones:
            times[open_ones[-1][1]] -= event.duration_ps
        open_ones.append((event.offset_ps + event.duration_ps, kind))
    return times
