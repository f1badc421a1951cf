"""A classifier under attack, measured on all devices of this process."""

import dataclasses
import functools
from collections.abc import Callable, Mapping, Sequence

import keras
import numpy as np
import tensorflow as tf

from ebm_tf.attacks.pgd import pgd_attack
from ebm_tf.config.classification import ClassifierTraining
from ebm_tf.config.objectives import Clean
from ebm_tf.evaluation.energy_statistics import Judged, story
from ebm_tf.evaluation.plots import save_story
from ebm_tf.models.catalogue import in_inference
from ebm_tf.pixels import from_255ths
from ebm_tf.runtime import seeds
from ebm_tf.runtime.actions import Board
from ebm_tf.runtime.distribution import Replicas
from ebm_tf.runtime.loop import Action, Moment
from ebm_tf.runtime.rows import over_rows
from ebm_tf.runtime.seeds import Purpose
from ebm_tf.runtime.weight_files import save_weights
from ebm_tf.runtime.workspace import VALIDATION, Workspace


@dataclasses.dataclass(frozen=True)
class Measurement:
    """Judges the network of averages, with the weights that it has at the time.

    Attributes:
      config: has the attack, the ball and the number of images at once.
      replicas: the devices.
      model: the network of averages.
    """

    config: ClassifierTraining
    replicas: Replicas
    model: keras.Model

    @functools.cached_property
    def _judge(self) -> Callable:
        """Compiled once: all batches have one shape."""
        config, replicas = self.config, self.replicas
        classifier = in_inference(self.model)
        attack = pgd_attack(classifier, config.evaluation_attack, config.ball)

        def judge(
            images: tf.Tensor, labels: tf.Tensor, key: tf.Tensor
        ) -> tuple[Judged, tf.Tensor]:
            epsilon = tf.fill(labels.shape, from_255ths(config.ball.epsilon))
            found = attack(images, labels, epsilon, key)
            natural, attacked = classifier(images), classifier(found.images)
            return Judged(natural, attacked, labels, found.broken), found.images

        return over_rows(judge, replicas, config.evaluation_batch, together=False)

    def judged(
        self, images: np.ndarray, labels: np.ndarray, purpose: Purpose
    ) -> tuple[Judged, np.ndarray]:
        """Attacks images [n, H, W, C] of labels [n].

        The key of a batch follows from the purpose and its place, so that one
        measurement differs from the next by the weights only.

        Returns:
          What became of the images, and the attacked images.
        """
        key = seeds.key(self.config.seed, purpose)

        def keys(index: int, replica: int) -> tf.Tensor:
            return tf.random.fold_in(tf.random.fold_in(key, index), replica)

        return self._judge(images, labels, keys=keys)


Line = dict[str, float]
# Part of the data -> its images and labels.
ImagesByPart = Mapping[str, tuple[np.ndarray, np.ndarray]]


def selection(config: ClassifierTraining, lines: Sequence[Line]) -> Line | None:
    """The line of the weights that are selected, the first of the best; or None.

    Weights are selected by their error on the validation split: that under attack, or
    of a classifier that does not learn from attacks the natural one. The other error
    decides between equals.
    """
    kinds = ["robust", "natural"]
    if isinstance(config.objective, Clean):
        kinds.reverse()
    return min(
        (line for line in lines if line["step"] >= config.select_from),
        key=lambda line: [line[f"validation_{kind}_error"] for kind in kinds],
        default=None,
    )


def validate(
    measurement: Measurement,
    images: ImagesByPart,
    workspace: Workspace,
    *,
    average: Callable[[], keras.Model],
    selected: keras.Model,
    epoch: int,
) -> Action:
    """Measures the averaged weights, and keeps them where they are the best so far.

    What was measured is in the lines of a file and the best weights are in the
    checkpoints, so that a run that goes on from one selects what it would have.

    Args:
      measurement: of the network of averages.
      images: of learning and of validation, with their labels.
      workspace: the run's folder.
      average: fills that network with the averages of now.
      selected: takes the best weights.
      epoch: updates in an epoch.
    """
    board = Board(workspace)

    def act(moment: Moment) -> None:
        weights = average().get_weights()
        values = {"epoch": moment.step / epoch}
        for part, labelled in images.items():
            judged, _ = measurement.judged(*labelled, Purpose.VALIDATION)
            values |= {f"{part}_{k}": value for k, value in story(judged).items()}
        workspace.append_metrics(moment.step, values, name=VALIDATION)
        shown = {f"validation/{name}": value for name, value in values.items()}
        board.scalars(moment.step, shown)
        lines = workspace.read_metrics(name=VALIDATION)
        best = selection(measurement.config, lines)
        is_best = best is not None and best["step"] == moment.step
        if is_best:
            selected.set_weights(weights)
        save_story(workspace.path("plots", "story.png"), lines, best)
        workspace.log(_line(values) + (", the best so far" if is_best else ""))

    return act


def _line(values: Line) -> str:
    return (
        f"epoch {values['epoch']:.4g}: error on validation images "
        f"{values['validation_natural_error']:.4f}, under attack "
        f"{values['validation_robust_error']:.4f}"
    )


def save_selected(
    config: ClassifierTraining, selected: keras.Model, path: str, workspace: Workspace
) -> Action:
    """Writes the selected weights, where there are other ones than were written."""
    written: list[float] = []

    def save(_: Moment) -> None:
        best = selection(config, workspace.read_metrics(name=VALIDATION))
        if best is not None and written != [best["step"]]:
            save_weights(selected, workspace.path(path))
            written[:] = [best["step"]]

    return save
