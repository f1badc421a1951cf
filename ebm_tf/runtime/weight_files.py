"""Weight files: their names in a run folder, and how they get into networks."""

import os
import re
import tempfile
import warnings

import keras
import tensorflow as tf

from ebm_tf.errors import WeightsError
from ebm_tf.runtime.files import raises_run_error, reason, upload_file

SUFFIX = ".weights.h5"
FOLDER = "weights"
# What the file of a network's weights of some kind adds to its role.
INFIXES = {"raw": "", "averaged": "_average", "selected": "_selected"}

_MISFIT = re.compile(
    r"variable\.shape=(\(.*?\)), Received: value\.shape=(\(.*?\))\. "
    r"Target variable: <Variable path=([^,]+),"
)


def weights_name(role: str, step: int | None = None, *, kind: str = "raw") -> str:
    """The file name of a network's weights of a kind after a number of updates.

    Files of networks that do not learn, and of selected weights, have no number.
    """
    number = "" if step is None else f"_{step:08d}"
    return f"{role}{INFIXES[kind]}{number}{SUFFIX}"


def save_weights(model: keras.Model, path: str) -> None:
    """Writes a weight file whole, to any file system.

    Raises:
      RunError: if it cannot be written, there or first among the temporary files.
    """
    with raises_run_error(path), tempfile.TemporaryDirectory() as folder:
        local = os.path.join(folder, f"model{SUFFIX}")
        model.save_weights(local)
        upload_file(local, path)


def read_weights(model: keras.Model, path: str, role: str) -> None:
    """Loads a weight file into a network, whose role error messages name.

    Raises:
      WeightsError: if it cannot be read, is damaged or made for another network.
    """
    with tempfile.TemporaryDirectory() as folder:
        local = os.path.join(folder, f"model{SUFFIX}")
        try:
            tf.io.gfile.copy(path, local)
            with warnings.catch_warnings(action="ignore"):
                model.load_weights(local)
        except tf.errors.OpError as error:
            raise WeightsError(
                f"Cannot read the weight file {path}: {reason(error)}."
            ) from error
        except (OSError, RuntimeError) as error:
            raise WeightsError(f"The weight file {path} is damaged.") from error
        except (ValueError, KeyError) as error:
            raise WeightsError(
                f"The weights {path} do not fit the {role} {model.name} of "
                f"{model.count_params():,} parameters{_misfit(error)}: check its "
                "architecture, width, number of classes and image size."
            ) from error


def _misfit(error: Exception) -> str:
    """The first array of another shape, where Keras names one."""
    found = _MISFIT.search(str(error))
    if not found:
        return ""
    expected, given, name = found.groups()
    return f" (the shape of {name} is {given}, not {expected})"
