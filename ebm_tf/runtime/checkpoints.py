"""Checkpoints: named arrays on disk that are either whole or not there.

A checkpoint is two files: ``STEP.npz`` with the arrays and ``STEP.json`` with the
size and hash of the first. The second is written last, so that a kill at any moment
leaves the checkpoints before it as they were.
"""

import collections
import hashlib
import io
import json
import os
import re
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from ebm_tf.errors import RunError
from ebm_tf.runtime import bounded_arrays, files
from ebm_tf.runtime.bounded_json import json_of
from ebm_tf.runtime.distribution import Replicas, distributed, local

ADVICE = "Earlier checkpoints are whole: make room, then --resume."


class _HashingWriter(io.RawIOBase):
    """Counts and hashes what is written to a file that cannot seek."""

    def __init__(self, file: Any):
        self.file = file
        self.size = 0
        self.hash = hashlib.sha256()

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        view = memoryview(data).cast("B")
        self.hash.update(view)
        self.file.write(view.tobytes())
        self.size += len(view)
        return len(view)


class Checkpoints:
    """The checkpoints of one worker, the newest few of which are kept."""

    def __init__(self, folder: str, keep: int = 3):
        """Takes the folder, which need not exist, and how many to keep."""
        self.folder = folder
        self.keep = keep

    def steps(self) -> list[int]:
        """Steps of the checkpoints that were written whole, in rising order."""
        names = files.names_in(self.folder)
        return sorted(int(n[:-5]) for n in names if n.endswith(".json"))

    def save(self, step: int, arrays: Iterable[tuple[str, Any]]) -> None:
        """Writes a checkpoint, then drops the oldest beyond those to keep.

        Raises:
          RunError: if the files cannot be written, as on a full disk; earlier
            checkpoints are as they were.
        """
        path = self._path(step, "npz")
        files.make_folder(self.folder)
        with (
            files.written_whole(path, ADVICE) as partial,
            tf.io.gfile.GFile(partial, "wb") as file,
        ):
            writer = _HashingWriter(file)
            _write_arrays(writer, arrays)
        manifest = {"size": writer.size, "sha256": writer.hash.hexdigest()}
        text = json.dumps(manifest)
        files.replace_file(self._path(step, "json"), text, advice=ADVICE)
        for old in self.steps()[: -self.keep]:
            self.remove(old)
        self._remove_rest()

    def remove(self, step: int) -> None:
        """Deletes a checkpoint, its manifest first.

        Raises:
          RunError: if it cannot be deleted.
        """
        path = self._path(step, "npz")
        with files.raises_run_error(path, ADVICE):
            tf.io.gfile.remove(self._path(step, "json"))
            if tf.io.gfile.exists(path):
                tf.io.gfile.remove(path)

    def _remove_rest(self) -> None:
        """Deletes what kills left of other checkpoints."""
        steps = {f"{step:08d}" for step in self.steps()}
        for name in files.names_in(self.folder):
            found = re.fullmatch(rf"(\d+)\.\w+(.*{re.escape(files.PARTIAL)})?", name)
            if found and (found[2] or found[1] not in steps):
                path = os.path.join(self.folder, name)
                with files.raises_run_error(path, ADVICE):
                    tf.io.gfile.remove(path)

    def load(self, step: int) -> dict[str, np.ndarray]:
        """The arrays of a checkpoint.

        Raises:
          RunError: if its files do not have the size and hash that were written.
        """
        path = self._path(step, "npz")
        try:
            with tf.io.gfile.GFile(self._path(step, "json"), "r") as file:
                manifest = json_of(file.read())
            with files.fetched(path) as local:
                facts = (os.path.getsize(local), files.sha256_of(local))
                if facts != (manifest["size"], manifest["sha256"]):
                    raise ValueError("size or hash differ")
                with tf.io.gfile.GFile(local, "rb") as file:
                    return bounded_arrays.read_arrays(file)
        except (tf.errors.OpError, OSError, ValueError, KeyError, TypeError) as error:
            raise RunError(
                f"The checkpoint {path} is damaged: {files.reason(error)}."
            ) from error

    def _path(self, step: int, suffix: str) -> str:
        return os.path.join(self.folder, f"{step:08d}.{suffix}")


def _write_arrays(writer: io.RawIOBase, arrays: Iterable[tuple[str, Any]]) -> None:
    """Writes an npz file one array at a time, so that no second copy is held."""
    with zipfile.ZipFile(writer, "w", allowZip64=True) as archive:
        for name, value in arrays:
            with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                np.lib.format.write_array(member, np.asarray(value))


HISTORY = 5000

History = collections.deque[dict[str, float]]


class Position(NamedTuple):
    """Where a run stands: everything but the variables of its modules.

    Attributes:
      step: updates so far.
      rollbacks: how often the run went back to a checkpoint.
      state: of the task, distributed.
      history: metrics of the last updates.
      returned_to: step of the checkpoint of the last rollback, if there was one.
    """

    step: int
    rollbacks: int
    state: Any
    history: History
    returned_to: int | None = None


def to_arrays(
    position: Position, modules: Mapping[str, Any], replicas: Replicas
) -> Iterator[tuple[str, Any]]:
    """Names and values of all that must be kept, one at a time."""
    yield "num_replicas", replicas.count
    yield "num_local", replicas.num_local
    yield "rollbacks", position.rollbacks
    yield "returned_to", -1 if position.returned_to is None else position.returned_to
    names = list(position.history[0]) if position.history else []
    yield "history_names", np.array(names, np.str_)
    yield "history", np.array([list(m.values()) for m in position.history])
    for index, part in enumerate(local(replicas, position.state)):
        for leaf, value in enumerate(tf.nest.flatten(part)):
            yield f"state/{index}/{leaf}", value
    for name, module in modules.items():
        for index, variable in enumerate(module.variables):
            yield f"{name}/{index}", variable.numpy()


def from_arrays(
    step: int,
    arrays: dict[str, np.ndarray],
    modules: Mapping[str, Any],
    state_structure: Any,
    replicas: Replicas,
) -> Position:
    """Gives the modules their variables back, and returns the position.

    Args:
      step: of the checkpoint.
      arrays: what `to_arrays` named.
      modules: networks and optimizers by name.
      state_structure: a nest like one replica's state.
      replicas: as many as when the arrays were saved.

    Raises:
      RunError: if the arrays are of other networks or of other replicas.
    """
    try:
        saved, rollbacks = int(arrays["num_replicas"]), int(arrays["rollbacks"])
        for name, module in modules.items():
            for index, variable in enumerate(module.variables):
                variable.assign(arrays[f"{name}/{index}"])
    except (KeyError, ValueError) as error:
        raise RunError(
            f"The checkpoint of step {step} is of other networks or another version."
        ) from error
    if saved != replicas.count:
        raise RunError(
            f"The run was saved with {saved} replicas and cannot go on with "
            f"{replicas.count}."
        )
    # Checkpoints of earlier versions lack it.
    saved_here = int(arrays.get("num_local", replicas.num_local))
    if saved_here != replicas.num_local:
        raise RunError(
            f"The run was saved with {saved_here} replicas on each worker and cannot "
            f"go on with {replicas.num_local}."
        )
    leaves = range(len(tf.nest.flatten(state_structure)))
    parts = [
        tf.nest.pack_sequence_as(
            state_structure, [arrays[f"state/{index}/{leaf}"] for leaf in leaves]
        )
        for index in range(replicas.num_local)
    ]
    names = arrays["history_names"].tolist()
    history: History = collections.deque(
        (dict(zip(names, row, strict=True)) for row in arrays["history"].tolist()),
        maxlen=HISTORY,
    )
    state = distributed(replicas, parts)
    returned_to = int(arrays.get("returned_to", -1))  # earlier versions lack it, too
    return Position(
        step, rollbacks, state, history, returned_to if returned_to >= 0 else None
    )
