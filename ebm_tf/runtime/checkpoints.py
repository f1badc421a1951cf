"""Checkpoints: named arrays on disk that are either whole or not there.

A checkpoint is two files: ``STEP.npz`` with the arrays and ``STEP.json`` with the
size and hash of the first. The second is written last, so that a kill at any moment
leaves the checkpoints before it as they were.
"""

import hashlib
import io
import json
import os
import re
import zipfile
from collections.abc import Iterable
from typing import Any

import numpy as np
import tensorflow as tf

from ebm_tf.errors import RunError
from ebm_tf.runtime.files import (
    PARTIAL,
    fetched,
    make_folder,
    names_in,
    raises_run_error,
    reason,
    replace_file,
    sha256_of,
    written_whole,
)

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
        names = names_in(self.folder)
        return sorted(int(n[:-5]) for n in names if n.endswith(".json"))

    def save(self, step: int, arrays: Iterable[tuple[str, Any]]) -> None:
        """Writes a checkpoint, then drops the oldest beyond those to keep.

        Raises:
          RunError: if the files cannot be written, as on a full disk; earlier
            checkpoints are as they were.
        """
        path = self._path(step, "npz")
        make_folder(self.folder)
        with (
            written_whole(path, ADVICE) as partial,
            tf.io.gfile.GFile(partial, "wb") as file,
        ):
            writer = _HashingWriter(file)
            _write_arrays(writer, arrays)
        manifest = {"size": writer.size, "sha256": writer.hash.hexdigest()}
        text = json.dumps(manifest)
        replace_file(self._path(step, "json"), text, advice=ADVICE)
        for old in self.steps()[: -self.keep]:
            self.remove(old)
        self._remove_rest()

    def remove(self, step: int) -> None:
        """Deletes a checkpoint, its manifest first.

        Raises:
          RunError: if it cannot be deleted.
        """
        path = self._path(step, "npz")
        with raises_run_error(path, ADVICE):
            tf.io.gfile.remove(self._path(step, "json"))
            if tf.io.gfile.exists(path):
                tf.io.gfile.remove(path)

    def _remove_rest(self) -> None:
        """Deletes what kills left of other checkpoints."""
        steps = {f"{step:08d}" for step in self.steps()}
        for name in names_in(self.folder):
            found = re.fullmatch(rf"(\d+)\.\w+(.*{re.escape(PARTIAL)})?", name)
            if found and (found[2] or found[1] not in steps):
                path = os.path.join(self.folder, name)
                with raises_run_error(path, ADVICE):
                    tf.io.gfile.remove(path)

    def load(self, step: int) -> dict[str, np.ndarray]:
        """The arrays of a checkpoint.

        Raises:
          RunError: if its files do not have the size and hash that were written.
        """
        path = self._path(step, "npz")
        try:
            with tf.io.gfile.GFile(self._path(step, "json"), "r") as file:
                manifest = json.loads(file.read())
            with fetched(path) as local:
                facts = (os.path.getsize(local), sha256_of(local))
                if facts != (manifest["size"], manifest["sha256"]):
                    raise ValueError("size or hash differ")
                with tf.io.gfile.GFile(local, "rb") as file, np.load(file) as stored:
                    return {name: stored[name] for name in stored.files}
        except (tf.errors.OpError, OSError, ValueError, KeyError, TypeError) as error:
            raise RunError(
                f"The checkpoint {path} is damaged: {reason(error)}."
            ) from error

    def _path(self, step: int, suffix: str) -> str:
        return os.path.join(self.folder, f"{step:08d}.{suffix}")


def _write_arrays(writer: io.RawIOBase, arrays: Iterable[tuple[str, Any]]) -> None:
    """Writes an npz file one array at a time, so that no second copy is held."""
    with zipfile.ZipFile(writer, "w", allowZip64=True) as archive:
        for name, value in arrays:
            with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                np.lib.format.write_array(member, np.asarray(value))
