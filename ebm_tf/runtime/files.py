"""Files on a disk or in a bucket: what an object store cannot do is known here.

To rename an object is to copy it, a folder is no more than a part of names, and every
look is a request. So folders are made once, and what a library reads here and there is
fetched first. Nor can an object grow: `waiting_files.py`.
"""

import contextlib
import functools
import glob
import hashlib
import io
import os
import shutil
import tempfile
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import tensorflow as tf

from ebm_tf.errors import RunError
from ebm_tf.runtime import bounded_arrays, bounded_json

# How the names of files end that are not yet whole.
PARTIAL = ".partial"

_UPLOADS_AT_ONCE = 16
_MAKE_ROOM = (
    "Make room there or write elsewhere; a run that has checkpoints goes on with "
    "--resume."
)


def content_of(path: tf.Tensor) -> tf.Tensor:
    """The bytes of a file whose path is a tensor, for what tf.data traces."""
    return tf.io.read_file(path)


def is_cloud(path: str) -> bool:
    """Whether a path is the address of something that is not on a local disk."""
    return "://" in path


def make_folder(path: str) -> None:
    """Makes a folder and those above it, where they are not there.

    Raises:
      RunError: if it cannot be made.
    """
    with raises_run_error(path):
        if is_cloud(path):
            _mark_folder(path)
        else:
            tf.io.gfile.makedirs(path)


@functools.cache
def _mark_folder(path: str) -> None:
    """Once is enough: nothing needs the folder, but some stores only list such."""
    tf.io.gfile.makedirs(path)


def exists(path: str) -> bool:
    """Whether there is a file or a folder.

    Raises:
      RunError: if the store cannot be asked.
    """
    with _told_as_unreadable("look for", path):
        return tf.io.gfile.exists(path)


def names_in(folder: str) -> list[str]:
    """Names of files and folders in a folder, in order; none where there is none.

    Raises:
      RunError: if the store cannot be asked.
    """
    with _told_as_unreadable("look into", folder):
        if not tf.io.gfile.isdir(folder):
            return []
        # Some stores end the names of folders in a slash.
        return sorted({name.rstrip("/") for name in tf.io.gfile.listdir(folder)})


def read_file(path: str, most: int | None = None) -> bytes:
    """The content of a file, or the first `most` bytes of it.

    Raises:
      RunError: if it is missing or cannot be read.
    """
    with _told_as_unreadable("read", path), tf.io.gfile.GFile(path, "rb") as file:
        return file.read() if most is None else file.read(most)


@contextlib.contextmanager
def _told_as_unreadable(verb: str, path: str) -> Iterator[None]:
    try:
        yield
    except (tf.errors.OpError, OSError) as error:
        raise RunError(
            f"Cannot {verb} {path}: {reason(error)}. Check the address, the network "
            "and your rights."
        ) from error


@contextlib.contextmanager
def fetched(path: str) -> Iterator[str]:
    """The path of a file on the local disk: its own, or that of a copy for a while.

    Raises:
      OpError: if a file of a store cannot be copied.
    """
    if not is_cloud(path):
        yield path
        return
    with tempfile.TemporaryDirectory() as folder:
        local = os.path.join(folder, os.path.basename(path))
        tf.io.gfile.copy(path, local)
        yield local


def remove_folder(folder: str) -> None:
    """Deletes a folder with all that is in it, where it is there."""
    if tf.io.gfile.isdir(folder):
        tf.io.gfile.rmtree(folder)
    _mark_folder.cache_clear()


def upload_file(local: str, path: str) -> None:
    """Copies a local file to its place, where it appears as a whole.

    Raises:
      RunError: if it cannot be written.
    """
    make_folder(os.path.dirname(path))
    with written_whole(path) as partial:
        tf.io.gfile.copy(local, partial)


def upload_folder(local: str, folder: str) -> None:
    """Copies all files below a local folder to a folder of a store.

    Raises:
      RunError: if one cannot be written.
    """
    paths = [
        os.path.join(here, name)
        for here, _, names in os.walk(local)
        for name in sorted(names)
    ]
    places = [os.path.join(folder, os.path.relpath(path, local)) for path in paths]
    with ThreadPoolExecutor(_UPLOADS_AT_ONCE) as pool:
        list(pool.map(upload_file, paths, places))


def replace_file(path: str, content: str | bytes, *, advice: str = _MAKE_ROOM) -> None:
    """Writes a file whole: a kill leaves the old one or the new one.

    Raises:
      RunError: if it cannot be written; its last words are the advice.
    """
    mode = "w" if isinstance(content, str) else "wb"
    with (
        written_whole(path, advice) as partial,
        tf.io.gfile.GFile(partial, mode) as file,
    ):
        file.write(content)


@contextlib.contextmanager
def written_whole(path: str, advice: str = _MAKE_ROOM) -> Iterator[str]:
    """The path of a new file, which takes the place of another when it is written.

    Its name is of this writer alone: other runs may write the same place.

    Raises:
      RunError: if it cannot be written; its last words are the advice.
    """
    partial = f"{path}.{uuid.uuid4().hex[:8]}{PARTIAL}"
    try:
        with raises_run_error(path, advice):
            yield partial
            # In a store this is a copy, which takes its place as a whole too.
            tf.io.gfile.rename(partial, path, overwrite=True)
    except BaseException:
        with contextlib.suppress(tf.errors.OpError, OSError):
            tf.io.gfile.remove(partial)
        raise


@contextlib.contextmanager
def raises_run_error(path: str, advice: str = _MAKE_ROOM) -> Iterator[None]:
    """Turns the errors of writing a file, as on a full disk, into one line.

    Raises:
      RunError: if the file cannot be written; its last words are the advice.
    """
    try:
        yield
    except (tf.errors.OpError, OSError) as error:
        raise RunError(f"Cannot write {path}: {reason(error)}. {advice}") from error


def reason(error: BaseException) -> str:
    """The message of an error of TensorFlow or of Python, in one line."""
    return " ".join((getattr(error, "message", None) or str(error)).split())


def save_arrays(path: str, **arrays: Any) -> None:
    """Writes arrays to a file: a kill leaves the old one or the new one.

    Raises:
      RunError: if it cannot be written.
    """
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    replace_file(path, buffer.getvalue())


def load_arrays(path: str) -> dict[str, np.ndarray]:
    """Reads all arrays of a file.

    Raises:
      RunError: if it is missing or damaged.
    """
    try:
        with fetched(path) as local, tf.io.gfile.GFile(local, "rb") as file:
            return bounded_arrays.read_arrays(file)
    except (ValueError, OSError, tf.errors.OpError) as error:
        raise RunError(
            f"The file {path} is missing or damaged: {reason(error)}."
        ) from error


def read_json(path: str) -> dict[str, Any]:
    """What a JSON file of a run holds.

    Raises:
      RunError: if it cannot be read, or is damaged.
    """
    try:
        content = bounded_json.json_of(read_file(path, bounded_json.MOST_BYTES + 1))
    except ValueError as error:
        raise damaged(path, error) from error
    if not isinstance(content, dict):
        raise damaged(path, "it holds no values by name")
    return content


def damaged(path: str, why: object) -> RunError:
    """The error for a file whose content is not what a run wrote."""
    return RunError(f"{path} is damaged: {why}.")


def sha256_of(path: str) -> str:
    """The SHA-256 of a file, of which a part is in memory at a time.

    Raises:
      OSError, OpError: if it cannot be read.
    """
    with fetched(path) as local, open(local, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


# After so many seconds a folder is no more in use: a kill left it.
OLD = 7 * 24 * 3600.0


@contextlib.contextmanager
def new_stage(parent: str | None, prefix: str) -> Iterator[str]:
    """A new local folder, which goes away; so do old ones that kills left there.

    Args:
      parent: the folder that it lies in; that of temporary files if None.
      prefix: how its name begins, and that of no other folder there.

    Raises:
      OSError: if it cannot be made.
    """
    parent = parent or tempfile.gettempdir()
    for left in glob.glob(f"{prefix}*", root_dir=parent, include_hidden=True):
        _remove_old(os.path.join(parent, left))
    stage = tempfile.mkdtemp(prefix=prefix, dir=parent)
    try:
        yield stage
    finally:
        shutil.rmtree(stage, ignore_errors=True)


def _remove_old(folder: str) -> None:
    with contextlib.suppress(OSError):  # another process does the same
        if time.time() - os.path.getmtime(folder) > OLD:
            shutil.rmtree(folder, ignore_errors=True)
