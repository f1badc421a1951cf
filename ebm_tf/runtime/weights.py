"""Weight files: where they lie, and how they get into networks."""

import os
import re
import tempfile
import warnings
from collections.abc import Iterator, Mapping
from typing import Any

import keras
import tensorflow as tf

from ebm_tf.errors import WeightsError
from ebm_tf.runtime.workspace import CONFIG, told_as_run_error

SUFFIX = ".weights.h5"
FOLDER = "weights"


def weights_name(role: str, step: int | None = None) -> str:
    """The file name of a network's weights after a number of updates.

    That of a network that does not learn has no number.
    """
    return f"{role}{SUFFIX}" if step is None else f"{role}_{step:08d}{SUFFIX}"


def save_weights(model: keras.Model, path: str) -> None:
    """Writes a weight file whole, to any file system."""
    with tempfile.TemporaryDirectory() as folder:
        local = os.path.join(folder, f"model{SUFFIX}")
        model.save_weights(local)
        with told_as_run_error(path):
            tf.io.gfile.copy(local, f"{path}.partial", overwrite=True)
            tf.io.gfile.rename(f"{path}.partial", path, overwrite=True)


def find_weights(source: str, role: str) -> str:
    """The weight file that a setting means.

    Args:
      source: a weight file, or a run folder, whose newest averaged weights of the
        role are meant, or the only ones of a network that did not learn there.
      role: "energy" or "generator".

    Raises:
      WeightsError: if there is none.
    """
    if source.endswith(SUFFIX) and tf.io.gfile.exists(source):
        return source
    folder = os.path.join(source, FOLDER)
    is_run = tf.io.gfile.exists(os.path.join(source, CONFIG))
    if not is_run and not tf.io.gfile.isdir(folder):
        raise WeightsError(
            f"No weights at {source}: expected a file *{SUFFIX} or a run folder."
        )
    pattern = re.compile(rf"{role}(_average_\d+)?{re.escape(SUFFIX)}")
    files = tf.io.gfile.listdir(folder) if tf.io.gfile.isdir(folder) else []
    names = sorted(name for name in files if pattern.fullmatch(name))
    if not names:
        raise WeightsError(f"The run {source} holds no weights of its {role} yet.")
    return os.path.join(folder, names[-1])


def load_weights(model: keras.Model, source: str, role: str) -> str:
    """Loads the weights that a setting means; returns the file that they came from.

    Raises:
      WeightsError: if they are missing, damaged or made for another network.
    """
    path = find_weights(source, role)
    with tempfile.TemporaryDirectory() as folder:
        local = os.path.join(folder, f"model{SUFFIX}")
        tf.io.gfile.copy(path, local)
        try:
            with warnings.catch_warnings(action="ignore"):
                model.load_weights(local)
        except (OSError, RuntimeError) as error:
            raise WeightsError(f"The weight file {path} is damaged.") from error
        except (ValueError, KeyError) as error:
            raise WeightsError(
                f"The weights {path} do not fit the {role} {model.name} of "
                f"{model.count_params():,} parameters: check its architecture, width "
                "and image size."
            ) from error
    return path


def load_named_weights(
    models: Mapping[str, keras.Model],
    settings: Mapping[str, Any],
    needed: set[str],
    name: str,
) -> Iterator[str]:
    """Loads the weights that settings name, and says which files they are.

    Args:
      models: get them, by role.
      settings: of the networks, by role.
      needed: roles of the networks that cannot do without.
      name: of the experiment.

    Raises:
      WeightsError: if weights do not fit, or are needed and not named.
    """
    for role, model in models.items():
        source = settings[role].weights
        if source:
            # What is a prior here was learned as an energy elsewhere.
            learned_as = "energy" if role == "prior" else role
            path = load_weights(model, source, learned_as)
            yield f"Weights of the {role}: {path}"
        elif role in needed:
            raise WeightsError(
                f"The {role} of {name} does not learn, so it needs weights: "
                f"--set {role}.weights=FILE_OR_RUN."
            )
