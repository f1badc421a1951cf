"""Arrays by name in npz files, on any file system."""

import io
import zipfile
from typing import Any

import numpy as np
import tensorflow as tf

from ebm_tf.errors import RunError
from ebm_tf.runtime.cloud_files import fetched, reason, replace_file

# What numpy raises for a file that is cut short, empty or no archive at all.
_DAMAGE = (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile)


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
        with (
            fetched(path) as local,
            tf.io.gfile.GFile(local, "rb") as file,
            np.load(file) as stored,
        ):
            return {name: stored[name] for name in stored.files}
    except (*_DAMAGE, tf.errors.OpError) as error:
        raise RunError(
            f"The file {path} is missing or damaged: {reason(error)}."
        ) from error
