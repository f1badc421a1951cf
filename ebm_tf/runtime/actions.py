"""What happens between the steps of a loop, on the host."""

import contextlib
import datetime
import math
import os
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Mapping

import keras
import numpy as np
import tensorflow as tf
import tqdm

from ebm_tf.runtime import plots
from ebm_tf.runtime.files import exists, raises_run_error
from ebm_tf.runtime.loop import Action, Moment
from ebm_tf.runtime.waiting_files import growing_folder
from ebm_tf.runtime.weight_files import FOLDER, save_weights, weights_name
from ebm_tf.runtime.workspace import Workspace

SECONDS_BETWEEN_LINES = 10.0  # of pace, and between other things that take long
ImagesFn = Callable[[Moment], np.ndarray]


def show_progress(total: int, unit: str = "updates") -> Action:
    """Keeps a bar with the time left where a person looks on."""
    bars: list[tqdm.tqdm] = []

    def show(moment: Moment) -> None:
        if not bars:  # begun here, so that compilation and resume do not count
            bars.append(
                tqdm.tqdm(
                    total=total,
                    initial=moment.step - 1,
                    unit=f" {unit}",
                    dynamic_ncols=True,
                    disable=not sys.stderr.isatty(),
                )
            )
        bar = bars[0]
        bar.update(moment.step - bar.n)
        if moment.step == total:
            bar.close()

    return show


def log_metrics(
    workspace: Workspace, total: int, period: int, unit: str = "updates"
) -> Action:
    """Writes the mean metrics of each period to the log, a file and TensorBoard.

    Of a period of more updates than `snapshots.HISTORY`, the mean is that of the last
    so many: a run that is resumed has no others.
    """
    board = Board(workspace)
    clock = Clock(total, unit)

    def log(moment: Moment) -> None:
        pace = clock.pace(moment.step)
        if moment.step % period and moment.step != total:
            return
        window = list(moment.history)[-((moment.step - 1) % period + 1) :]
        means = {
            name: statistics.fmean(metrics[name] for metrics in window)
            for name in moment.metrics
        }
        workspace.append_metrics(moment.step, means)
        board.scalars(moment.step, means)
        one = unit.removesuffix("es" if unit.endswith("ches") else "s")
        place = f"{one} {moment.step}/{total}"
        workspace.log(_line(place, means, pace))

    return log


def log_pace(workspace: Workspace, total: int, name: str) -> Action:
    """Writes pace and time left to the log now and then, and after the last batch.

    Args:
      workspace: the run's folder.
      total: batches in all.
      name: what the batches are of.
    """
    clock, shown = Clock(total, "batches"), time.monotonic()

    def log(moment: Moment) -> None:
        nonlocal shown
        pace, now = clock.pace(moment.step), time.monotonic()
        if moment.step == total or now - shown > SECONDS_BETWEEN_LINES:
            shown = now
            workspace.log(f"{name}: batch {moment.step}/{total}  {pace}")

    return log


def now_and_then(action: Action, total: int) -> Action:
    """Runs the action some seconds after the last time, and after the last step."""
    last = -math.inf

    def seldom(moment: Moment) -> None:
        nonlocal last
        now = time.monotonic()
        if moment.step == total or now - last > SECONDS_BETWEEN_LINES:
            last = now
            action(moment)

    return seldom


class Clock:
    """The pace of a loop since its first step, which compiles."""

    def __init__(self, total: int, unit: str):
        """Takes the last update, and what an update is called, in the plural."""
        self.total = total
        self.unit = unit
        self.start: tuple[int, float] | None = None

    def pace(self, step: int) -> str:
        """Pace and time left after an update; nothing after the first."""
        now = time.monotonic()
        if self.start is None or step <= self.start[0]:
            self.start = (step, now)
            return ""
        rate = (step - self.start[0]) / (now - self.start[1])
        left = datetime.timedelta(seconds=round((self.total - step) / rate))
        return f"{rate:.3g} {self.unit}/s, {left} left"


def _line(place: str, means: Mapping[str, float], pace: str) -> str:
    shown = (
        "loss",
        "natural_accuracy",
        "attacked_accuracy",
        "energy_difference",
        "energy",
        "drift_norm",
        "grad_norm",
        "flip_rate",
        "difference",
        "discriminator_loss",
        "generator_loss",
        "right_data",
        "found_samples",
        "score_data",
        "score_samples",
    )
    parts = [f"{name} {means[name]:.4g}" for name in shown if name in means]
    return "  ".join([place, *parts, pace])


def save_pictures(workspace: Workspace, pictures: Mapping[str, ImagesFn]) -> Action:
    """Writes a grid of each kind of images, and shows it in TensorBoard."""
    board = Board(workspace)

    def save(moment: Moment) -> None:
        for name, images_of in pictures.items():
            images = images_of(moment)
            path = workspace.path("images", f"{name}_{moment.step:08d}.png")
            plots.save_grid(path, images)
            board.image(moment.step, name, plots.grid(images))

    return save


def save_network(
    workspace: Workspace, name: str, model_of: Callable[[], keras.Model]
) -> Action:
    """Writes the weights of a network, under a name, into the run's weights folder."""

    def save(moment: Moment) -> None:
        path = workspace.path(FOLDER, weights_name(name, moment.step))
        save_weights(model_of(), path)

    return save


def save_once(workspace: Workspace, role: str, model: keras.Model) -> Action:
    """Writes the weights of a network that does not learn, so that a run has all."""

    def save(_: Moment) -> None:
        path = workspace.path(FOLDER, weights_name(role))
        if not exists(path):
            save_weights(model, path)

    return save


class Board:
    """What a run shows on TensorBoard.

    Raises:
      RunError: if its files cannot be written, then or later.
    """

    def __init__(self, workspace: Workspace):
        """Opens the files in the run's folder."""
        self._folder = os.path.join(workspace.folder, "tensorboard")
        with raises_run_error(self._folder):
            folder = growing_folder(self._folder)
            self._writer = tf.summary.create_file_writer(folder)

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        """Shows values by name."""
        with self._at(step):
            for name, value in values.items():
                tf.summary.scalar(name, value)
            self._writer.flush()

    def image(self, step: int, name: str, image: np.ndarray) -> None:
        """Shows an image [H, W, C], uint8 or float in [0, 1]."""
        with self._at(step):
            tf.summary.image(name, image[None])
            self._writer.flush()

    @contextlib.contextmanager
    def _at(self, step: int) -> Iterator[None]:
        with raises_run_error(self._folder), self._writer.as_default(step):
            yield
