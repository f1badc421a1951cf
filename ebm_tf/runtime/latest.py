"""The newest runs of a folder of runs, and settings that mean them: `latest:NAME`."""

import os
import re
from collections.abc import Iterator
from typing import Any

from ebm_tf.config.core import Experiment, from_mapping, to_mapping
from ebm_tf.errors import RunError
from ebm_tf.runtime.files import exists, names_in
from ebm_tf.runtime.workspace import CONFIG, RESULTS, SWEEP

OUTPUT = "runs"  # the folder of all runs where none is said
_SOURCE = re.compile(r"latest:([^/]+)(/.*)?")
_TIME = re.compile(r"(\d{4}-\d\d-\d\d_\d\d-\d\d-\d\d)(?:_(\d+))?")


def runs(output: str, name: str | None = None) -> Iterator[str]:
    """The folders of the runs and sweeps below that of all runs, newest first.

    Args:
      output: the folder of all runs.
      name: of the experiment; of any if None.
    """
    found = [
        (match[1], int(match[2] or 1), os.path.join(output, one, time))
        for one in ([name] if name else names_in(output))
        for time in names_in(os.path.join(output, one))
        if (match := _TIME.fullmatch(time))
    ]
    for _, _, folder in sorted(found, reverse=True):
        if any(exists(os.path.join(folder, mark)) for mark in (CONFIG, SWEEP)):
            yield folder


def newest(source: str, output: str = OUTPUT) -> str:
    """The folder that `latest:NAME` means; any other source as it is.

    Args:
      source: what follows a `/` after the name is a path in the folder.
      output: the folder of all runs.

    Raises:
      RunError: if no run of that name is finished there.
    """
    match = _SOURCE.fullmatch(source)
    if match is None:
        return source
    for folder in runs(output, match[1]):
        if all(exists(os.path.join(folder, name)) for name in (CONFIG, RESULTS)):
            return folder + (match[2] or "")
    raise RunError(f"No run of {match[1]} is finished in {output} ({source}).")


def resolved(
    config: Experiment, output: str = OUTPUT, saved: Experiment | None = None
) -> Any:
    """An experiment whose settings name folders in place of `latest:NAME`.

    Args:
      config: any of its settings may be such a text.
      output: the folder of all runs.
      saved: the experiment of the run that goes on; it keeps the folders that were the
        newest when it began.

    Raises:
      RunError: if no run of that name is finished there.
    """
    before = to_mapping(saved) if saved is not None else None
    mapping = to_mapping(config)
    found = _resolved(mapping, before, output)
    return config if found == mapping else from_mapping(type(config), found)


def _resolved(value: Any, before: Any, output: str) -> Any:
    if isinstance(value, dict):
        there = before if isinstance(before, dict) else {}
        return {k: _resolved(v, there.get(k), output) for k, v in value.items()}
    if isinstance(value, tuple):
        there = before if isinstance(before, tuple) else ()
        there += (None,) * (len(value) - len(there))
        pairs: Iterator = zip(value, there, strict=False)
        return tuple(_resolved(v, b, output) for v, b in pairs)
    match = _SOURCE.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        return value
    if isinstance(before, str) and f"/{match[1]}/" in f"/{before}/":
        return before
    return newest(value, output)
