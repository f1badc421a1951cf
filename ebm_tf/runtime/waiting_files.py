"""Files that grow line by line, on a disk at once, in a store now and then.

An object of a store cannot grow: a line more is the whole file again. So lines wait
until many are written together, and what a library makes grow lies on the disk
meanwhile. Checkpoints do not wait, so what waits is written before each of them.
"""

import os
import tempfile
import time
from typing import NamedTuple

import tensorflow as tf

from ebm_tf.runtime import files

LONGEST_WAIT = 60.0  # seconds


class _Lines(NamedTuple):
    """Lines that are not in the store yet, and since when."""

    lines: list[str]
    since: float


class _Mirror(NamedTuple):
    """A local folder, and the sizes that its files had when they were uploaded."""

    local: tempfile.TemporaryDirectory[str]
    sizes: dict[str, int]


_lines: dict[str, _Lines] = {}
_mirrors: dict[str, _Mirror] = {}


def append_line(path: str, line: str) -> None:
    """Adds a line to a file; in a store it may wait for `write_waiting`.

    Raises:
      RunError: if it cannot be written.
    """
    if not files.is_cloud(path):
        with files.raises_run_error(path), tf.io.gfile.GFile(path, "a") as file:
            file.write(line)
        return
    waiting = _lines.setdefault(path, _Lines([], time.monotonic()))
    waiting.lines.append(line)
    if time.monotonic() - waiting.since > LONGEST_WAIT:
        _write(path)


def read_lines(path: str) -> list[str]:
    """The lines of a file with their ends, and those that wait; none if it lacks.

    Raises:
      RunError: if the file cannot be read, or is damaged.
    """
    stored: list[str] = []
    if files.exists(path):
        try:
            stored = files.read_file(path).decode().splitlines(keepends=True)
        except UnicodeDecodeError as error:
            raise files.damaged(path, error) from error
    return stored + (_lines[path].lines if path in _lines else [])


def replace_lines(path: str, lines: list[str]) -> None:
    """Writes a file with these lines alone, whatever was there or waits.

    Raises:
      RunError: if it cannot be written.
    """
    files.replace_file(path, "".join(lines))
    _lines.pop(path, None)


def growing_folder(folder: str) -> str:
    """Where a library may let files grow: the folder, or a local one in its place.

    `write_waiting` copies the files of the local one to the folder of the store.
    """
    if not files.is_cloud(folder):
        return folder
    if folder not in _mirrors:
        _mirrors[folder] = _Mirror(tempfile.TemporaryDirectory(), {})
    return _mirrors[folder].local.name


def write_waiting() -> None:
    """Writes all that waits to its place.

    Raises:
      RunError: if a file cannot be written.
    """
    for path in list(_lines):
        _write(path)
    for folder, mirror in _mirrors.items():
        for file in os.scandir(mirror.local.name):
            size = file.stat().st_size
            if mirror.sizes.get(file.name) != size:
                files.upload_file(file.path, os.path.join(folder, file.name))
                mirror.sizes[file.name] = size


def forget_waiting(folder: str) -> None:
    """Drops what waits for a folder that is given up."""
    for path in [path for path in _lines if path.startswith(f"{folder}/")]:
        del _lines[path]
    for path in [path for path in _mirrors if path.startswith(f"{folder}/")]:
        _mirrors.pop(path).local.cleanup()


def _write(path: str) -> None:
    replace_lines(path, read_lines(path))
