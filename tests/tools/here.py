"""A tool of tools/ as a user starts it, but in this process: TensorFlow is loaded."""

import contextlib
import io
import os
import pathlib
import runpy
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from unittest import mock

import absl.logging
import pytest
from absl import flags


def run_here(
    tool: pathlib.Path,
    *words: object,
    folder: pathlib.Path,
    env: Mapping[str, str] | None = None,
) -> subprocess.CompletedProcess[str]:
    """Runs a tool to its end in a folder, with more in its environment."""
    command = [str(tool), *map(str, words)]
    out, err = io.StringIO(), io.StringIO()
    with (
        _restored(),
        mock.patch.dict(os.environ, env or {}),
        mock.patch.object(sys, "argv", command),
        mock.patch.object(sys, "path", ["", *sys.path]),  # a tool changes the first
        contextlib.chdir(folder),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
        pytest.raises(SystemExit) as ended,
    ):
        runpy.run_path(command[0], run_name="__main__")
    code = ended.value.code
    assert isinstance(code, int)
    return subprocess.CompletedProcess(command, code, out.getvalue(), err.getvalue())


@contextlib.contextmanager
def _restored() -> Iterator[None]:
    """Takes back what a tool sets for its whole process."""
    before, verbosity = set(flags.FLAGS), absl.logging.get_verbosity()
    handler = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        for name in set(flags.FLAGS) - before:
            delattr(flags.FLAGS, name)
        flags.FLAGS.unparse_flags()
        absl.logging.set_verbosity(verbosity)
        signal.signal(signal.SIGTERM, handler)
