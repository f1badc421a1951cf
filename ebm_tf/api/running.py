"""Experiments that a script runs, as executables run them."""

import contextlib
import importlib
import io
import os
from collections.abc import Mapping
from typing import Any, NamedTuple

from ebm_tf.config.core import Experiment
from ebm_tf.config.overrides import override
from ebm_tf.errors import UserError
from ebm_tf.runtime import bundled, launch


class Run(NamedTuple):
    """A run that is finished.

    Attributes:
      folder: that it left, a source for `load`.
      results: the reported metrics, as in its `results.json`.
    """

    folder: str
    results: dict[str, Any]


def open_config(config: str | os.PathLike | Experiment) -> Experiment:
    """An experiment as it is, of a config file, or of a config's name.

    Args:
      config: an experiment, the path of a file that defines one, or the name of one of
        `ebm-tf configs`, such as "digits_nonconv".

    Raises:
      ConfigError: if there is no such file, or it defines none.
    """
    if isinstance(config, Experiment):
        return config
    return bundled.open_config(os.fspath(config))


def run(
    config: str | os.PathLike | Experiment,
    *,
    settings: Mapping[str, Any] | None = None,
    output: str = "runs",
    progress: bool = True,
) -> Run:
    """Runs an experiment to its end: learns, measures, attacks, as its type says.

    Args:
      config: as `open_config` takes it.
      settings: changes by dotted name, such as {"energy.width": 16}, as --set makes.
      output: folder of all runs.
      progress: whether its lines and bars are shown; the log has them in any case.

    Raises:
      UserError: if a setting, a device, data or weights are not there.
      EarlyStopError: if a signal stopped it; `--resume` goes on.
    """
    given = [f"{name}={value}" for name, value in (settings or {}).items()]
    experiment = launch.settled(override(open_config(config), given), output)
    from ebm_tf.runtime import run_folders  # imports TensorFlow, as no config does

    module = importlib.import_module(f"ebm_tf.{experiment.executable}")
    with contextlib.nullcontext() if progress else _silence():
        workspace = run_folders.new(experiment, output)
        try:
            results = launch.carry_out(module, experiment, workspace)
        except UserError:
            workspace.discard_unlearned()
            raise
        finally:
            workspace.write_waiting()
    return Run(workspace.folder, results)


@contextlib.contextmanager
def _silence():
    nowhere = io.StringIO()
    with contextlib.redirect_stdout(nowhere), contextlib.redirect_stderr(nowhere):
        yield
