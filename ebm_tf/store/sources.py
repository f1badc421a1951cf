"""Weight files: where they lie, and how they get into networks."""

import os
import re
import tempfile
import warnings
from collections.abc import Iterator, Mapping
from typing import Any

import keras
import tensorflow as tf

from ebm_tf.errors import UnnamedWeightsError, WeightsError
from ebm_tf.runtime.files import (
    exists,
    fetched,
    names_in,
    read_json,
    reason,
    sha256_of,
    told_as_run_error,
    upload_file,
)
from ebm_tf.runtime.workspace import CONFIG
from ebm_tf.store.releases.installed import located

_MISFIT = re.compile(
    r"variable\.shape=(\(.*?\)), Received: value\.shape=(\(.*?\))\. "
    r"Target variable: <Variable path=([^,]+),"
)
SUFFIX = ".weights.h5"
FOLDER = "weights"
CONVERTED = "{}_settings.json"  # by role, what convert_weights says of its network
# Settings of networks of which the shapes of weights tell nothing.
_SHAPELESS = ("activation", "batch_norm_epsilon")
# What the file of a network's weights of some kind adds to its role.
INFIXES = {"averaged": "average", "selected": "selected"}


def weights_name(role: str, step: int | None = None) -> str:
    """The file name of a network's weights after a number of updates.

    That of a network that does not learn has no number.
    """
    return f"{role}{SUFFIX}" if step is None else f"{role}_{step:08d}{SUFFIX}"


def save_weights(model: keras.Model, path: str) -> None:
    """Writes a weight file whole, to any file system.

    Raises:
      RunError: if it cannot be written, there or first among the temporary files.
    """
    with told_as_run_error(path), tempfile.TemporaryDirectory() as folder:
        local = os.path.join(folder, f"model{SUFFIX}")
        model.save_weights(local)
        upload_file(local, path)


def find_weights(source: str, role: str) -> str:
    """The weight file that a setting means.

    Args:
      source: a weight file, a run folder or ``release:NAME``: of the latter the
        weights of the role that were selected are meant, else the newest averaged
        ones.
      role: "energy", "generator" or "classifier".

    Raises:
      WeightsError: if there is none.
    """
    source = located(source)
    if source.endswith(SUFFIX) and exists(source):
        return source
    if not _is_run(source):
        raise _no_weights(source, f"a file *{SUFFIX}, a run folder or release:NAME")
    selected = exists(_selected(source, role))
    return weights_of_run(source, role, kind="selected" if selected else "averaged")


def weights_of_run(
    run: str, role: str, *, kind: str = "averaged", step: int | None = None
) -> str:
    """The weight file of a network in a run folder.

    Args:
      run: the folder, or ``release:NAME``.
      role: of the network in that run; one that did not learn has one file.
      kind: "averaged", "raw", or "selected" by a measurement while it was learned.
      step: updates that it had made; the newest if None, and for "selected" ones.

    Raises:
      WeightsError: if there is none.
    """
    run = located(run)
    folder = os.path.join(run, FOLDER)
    if not _is_run(run):
        raise _no_weights(run, "a run folder or release:NAME")
    frozen = os.path.join(folder, weights_name(role))
    if exists(frozen):
        return frozen
    selected = _selected(run, role)
    if kind == "selected" and step is None and exists(selected):
        return selected
    steps = saved_steps(run, role, kind=kind)
    if not steps or step not in (None, *steps):
        when = "" if step is None else f" at update {step}"
        there = ", ".join(newest_weights(run)) or "none at all"
        raise WeightsError(
            f"The run {run} holds no {kind} weights of its {role}{when}; the newest "
            f"that it holds: {there}."
        )
    return os.path.join(folder, weights_name(_infix(role, kind), step or steps[-1]))


def _no_weights(path: str, expected: str) -> WeightsError:
    archive = f" tools/release.py install {path} unpacks a release."
    hint = archive if path.endswith(".zip") else ""
    return WeightsError(f"No weights at {path}: expected {expected}.{hint}")


def saved_steps(run: str, role: str, *, kind: str = "averaged") -> list[int]:
    """The numbers of updates after which a run, or a release, has saved a network."""
    pattern = re.compile(rf"{_infix(role, kind)}_(\d+){re.escape(SUFFIX)}")
    names = _names(located(run))
    return sorted(int(m[1]) for name in names if (m := pattern.fullmatch(name)))


def newest_weights(run: str) -> list[str]:
    """The names of the newest weight files of every role and kind in a run folder."""
    pattern = re.compile(rf"(.+?)(_\d+)?{re.escape(SUFFIX)}")
    newest: dict[str, str] = {}
    for name in sorted(_names(run), key=lambda name: (len(name), name)):
        if match := pattern.fullmatch(name):
            newest[match[1]] = name
    return sorted(newest.values())


def _names(run: str) -> list[str]:
    """What lies in the folder of weights."""
    folder = os.path.join(run, FOLDER)
    return names_in(folder)


def _infix(role: str, kind: str) -> str:
    return role if kind == "raw" else f"{role}_{INFIXES[kind]}"


def _selected(run: str, role: str) -> str:
    name = weights_name(_infix(role, "selected"))
    return os.path.join(run, FOLDER, name)


def _is_run(folder: str) -> bool:
    return exists(os.path.join(folder, CONFIG)) or tf.io.gfile.isdir(
        os.path.join(folder, FOLDER)
    )


def digest(path: str) -> str:
    """The SHA-256 of a file."""
    with fetched(path) as local:
        return sha256_of(local)


def load_weights(model: keras.Model, source: str, role: str) -> str:
    """Loads the weights that a setting means; returns the file that they came from.

    Raises:
      WeightsError: if they are missing, cannot be read, are damaged or made for another
        network.
    """
    path = find_weights(source, role)
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
    return path


def _misfit(error: Exception) -> str:
    """The first array of another shape, where Keras tells of one."""
    found = _MISFIT.search(str(error))
    if not found:
        return ""
    expected, given, name = found.groups()
    return f" (the shape of {name} is {given}, not {expected})"


def require_as_made(settings: Any, path: str, role: str, learned_as: str) -> None:
    """Checks settings of a network of which no shape of its weights tells.

    They are compared with the run that the weights lie in, or with what
    `convert_weights` wrote beside them, if there is either.

    Args:
      settings: of the network that gets the weights.
      path: of the weight file.
      role: of the network here, for the message.
      learned_as: its role there.

    Raises:
      WeightsError: if one is another.
    """
    made = _made_with(path, learned_as)
    for name in _SHAPELESS:
        here = getattr(settings, name, None)
        if name in made and here != made[name]:
            raise WeightsError(
                f"The weights {path} are for {name}={made[name]}, but "
                f"{role}.{name}={here}: --set {role}.{name}={made[name]}."
            )


def _made_with(path: str, role: str) -> Mapping[str, Any]:
    """The settings of a network where its weights come from; none if not known."""
    folder = os.path.dirname(os.path.dirname(path))
    converted = os.path.join(folder, CONVERTED.format(role))
    if exists(converted):
        return read_json(converted).get("network") or {}
    config = os.path.join(folder, CONFIG)
    return read_json(config).get(role) or {} if exists(config) else {}


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
            require_as_made(settings[role], path, role, learned_as)
            yield f"Weights of the {role}: {path}"
        elif role in needed:
            raise UnnamedWeightsError(
                f"The {role} of {name} does not learn, so it needs weights: "
                f"--set {role}.weights=FILE_OR_RUN."
            )
