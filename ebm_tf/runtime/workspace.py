"""The folder of a run: every file that a run writes is written here."""

import dataclasses
import datetime
import json
import os
import sys
from collections.abc import Callable, Mapping
from typing import Any

import tensorflow as tf
import tqdm

from ebm_tf.config.core import Experiment, differing_fields
from ebm_tf.config.fid import named_now
from ebm_tf.config.kinds import to_json
from ebm_tf.errors import RunError
from ebm_tf.runtime import files
from ebm_tf.runtime.bounded_json import json_of
from ebm_tf.runtime.waiting_files import (
    append_line,
    forget_waiting,
    read_lines,
    replace_lines,
    write_waiting,
)

CONFIG = "config.json"
SWEEP = "sweep.json"  # of a folder of runs that a sweep makes, which has no config
RESULTS = "results.json"
METRICS = "metrics.jsonl"
VALIDATION = "validation.jsonl"
LOG = "log.txt"
CHECKPOINTS = "checkpoints"


@dataclasses.dataclass(frozen=True)
class Workspace:
    """A run's folder, local or in a cloud bucket.

    Attributes:
      folder: its path.
      worker: index of this process among the workers; the first one writes.
      whole: the folder of the run that this is a part of; None of a whole run.
    """

    folder: str
    worker: int = 0
    whole: str | None = None

    @property
    def is_chief(self) -> bool:
        """Whether this process writes what all workers share."""
        return self.worker == 0

    @property
    def root(self) -> str:
        """The folder of all runs."""
        return os.path.dirname(os.path.dirname(self.whole or self.folder))

    def part(self, name: str) -> "Workspace":
        """The workspace of a part of this run, in a folder below."""
        whole = self.whole or self.folder
        return Workspace(os.path.join(self.folder, name), self.worker, whole)

    def path(self, *names: str) -> str:
        """The path of a file in this run, whose folder then exists."""
        path = os.path.join(self.folder, *names)
        files.make_folder(os.path.dirname(path))
        return path

    def write(self, name: str, content: str | bytes) -> None:
        """Writes a whole file, or leaves what was there."""
        if self.is_chief:
            files.replace_file(self.path(name), content)

    def log(self, message: str) -> None:
        """Prints a line and adds it to the log."""
        if not self.is_chief:
            return
        tqdm.tqdm.write(message)  # above a progress bar, where there is one
        sys.stdout.flush()
        time = datetime.datetime.now().isoformat(sep=" ", timespec="seconds")
        append_line(self.path(LOG), f"{time}  {message}\n")

    def append_metrics(
        self, step: int, values: Mapping[str, float], *, name: str = METRICS
    ) -> None:
        """Adds a line of metrics to one of their files."""
        if self.is_chief:
            line = json.dumps({"step": step, **values}) + "\n"
            append_line(self.path(name), line)

    def read_metrics(self, *, name: str = METRICS) -> list[dict[str, float]]:
        """The lines of a file of metrics; none where there is no file yet.

        Raises:
          RunError: if it is damaged.
        """
        path = os.path.join(self.folder, name)
        try:
            return [named_now(json_of(line)) for line in read_lines(path)]
        except (ValueError, AttributeError) as error:  # or a line is no mapping
            raise files.damaged(path, error) from error

    def write_waiting(self) -> None:
        """Writes logs and metrics that wait for it, as before a checkpoint."""
        if self.is_chief:
            write_waiting()

    def rewind_metrics(self, step: int) -> None:
        """Drops the metrics of later steps, which will be made again."""
        if self.is_chief:
            for name in (METRICS, VALIDATION):
                self._rewind(name, step)

    def _rewind(self, name: str, step: int) -> None:
        lines = read_lines(os.path.join(self.folder, name))
        kept = [line for line in lines if _step_of(line) <= step]
        if len(kept) < len(lines):
            replace_lines(self.path(name), kept)

    def results(self) -> dict[str, Any] | None:
        """The reported metrics, or None where the run is not finished.

        Raises:
          RunError: if they cannot be read, or are damaged.
        """
        path = os.path.join(self.folder, RESULTS)
        return named_now(files.read_json(path)) if files.exists(path) else None

    def results_or(self, measured: Callable[[], Mapping[str, Any]]) -> dict[str, Any]:
        """The reported metrics of a part, which is measured where it was not before."""
        found = self.results()
        if found is None:
            found = dict(measured())
            self.write_results(found)
        return found

    def write_results(self, results: Mapping[str, Any]) -> None:
        """Writes the reported metrics, which make the run a finished one."""
        self.write_waiting()
        self.write(RESULTS, json.dumps(results, indent=2) + "\n")

    def go_on(self, saved: Experiment, config: Experiment) -> bool:
        """Whether there is something left to do; what changed is noted.

        Args:
          saved: the config so far.
          config: the config from now on.

        Results of a run that goes on although it was finished are kept under the
        number of its updates, its earlier config likewise.

        Raises:
          RunError: if it is finished and its checkpoints are gone.
        """
        changed = differing_fields(saved, config, fixed_only=False)
        results = self.results()
        if results and changed and not self.is_begun:
            raise RunError(
                f"{self.folder} is finished and has no checkpoints to go on from, as a "
                "release has none: begin a new run, with these weights if need be."
            )
        if not self.is_chief or (results and not changed):
            return not results or bool(changed)
        stamp = datetime.datetime.now().strftime("%Y-%m-%d_%H-%M-%S")
        if results:
            number = results.get("num_updates")
            label = stamp if number is None else f"{number:08d}"
            kept = self.path(f"results_{label}.json")
            with files.raises_run_error(kept):
                tf.io.gfile.rename(self.path(RESULTS), kept, overwrite=True)
        self._remove_partial()
        self.log(f"Going on; changed: {', '.join(changed) or 'nothing'}.")
        if changed:
            self.write(f"config_until_{stamp}.json", to_json(saved))
        self.write(CONFIG, to_json(config))
        return True

    def _remove_partial(self) -> None:
        """Deletes files that a kill left half written."""
        for folder, _, names in tf.io.gfile.walk(self.folder):
            for name in names:
                path = os.path.join(folder, name)
                if name.endswith(files.PARTIAL):
                    with files.raises_run_error(path):
                        tf.io.gfile.remove(path)

    def discard_unlearned(self) -> None:
        """Deletes the folder of a run that never came to its first checkpoint."""
        if not self.is_chief or self.is_begun:
            return
        forget_waiting(self.folder)
        files.remove_folder(self.folder)
        parent = os.path.dirname(self.folder)
        if not files.names_in(parent):
            files.remove_folder(parent)

    @property
    def is_begun(self) -> bool:
        """Whether there is a checkpoint to go on from, or a part that is finished."""
        names = files.names_in(self.folder)
        parts = [os.path.join(self.folder, name) for name in names]
        return CHECKPOINTS in names or any(
            tf.io.gfile.isdir(os.path.join(part, CHECKPOINTS))
            or tf.io.gfile.exists(os.path.join(part, RESULTS))
            for part in parts
        )

    def announce(self) -> None:
        """Prints the folder, as the last line of a program."""
        if self.is_chief:
            print(self.folder, flush=True)


def _step_of(line: str) -> float:
    try:
        return float(json_of(line)["step"])
    except (ValueError, TypeError, KeyError):  # a line that a kill cut short
        return float("inf")
