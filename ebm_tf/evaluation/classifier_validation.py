"""A classifier under attack, measured on all devices of this process."""

import dataclasses
import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from ebm_tf.attacks.pgd import pgd_attack
from ebm_tf.config.selection import SelectedTraining
from ebm_tf.evaluation.energy_statistics import Evaluation, training_curves
from ebm_tf.evaluation.training.plots import save_training_curves
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
class Evaluator:
    """Evaluates the network of averages, with the weights that it has at the time.

    Attributes:
      config: has `evaluation_attack`, `ball`, `evaluation_batch` and `seed`. Without
        an attack the attacked images are the natural ones.
      replicas: the devices.
      model: the network of averages.
    """

    config: Any
    replicas: Replicas
    model: keras.Model

    @functools.cached_property
    def _evaluate(self) -> Callable:
        """Compiled once: all batches have one shape."""
        config, classifier = self.config, in_inference(self.model)
        settings = config.evaluation_attack
        attack = settings and pgd_attack(classifier, settings, config.ball)

        def evaluate(
            images: tf.Tensor, labels: tf.Tensor, key: tf.Tensor
        ) -> tuple[Evaluation, tf.Tensor]:
            natural = classifier(images)
            if attack is None:
                nowhere = tf.zeros(labels.shape, tf.bool)
                return Evaluation(natural, natural, labels, nowhere), images
            epsilon = tf.fill(labels.shape, from_255ths(config.ball.epsilon))
            found = attack(images, labels, epsilon, key)
            attacked = classifier(found.images)
            return Evaluation(natural, attacked, labels, found.broken), found.images

        return over_rows(
            evaluate, self.replicas, config.evaluation_batch, together=False
        )

    def evaluate(
        self, images: np.ndarray, labels: np.ndarray, purpose: Purpose
    ) -> tuple[Evaluation, np.ndarray]:
        """Attacks images [n, H, W, C] of labels [n]; returns the attacked ones, too.

        The key of a replica's part of a batch follows from the purpose and the place
        of the part among all. So one evaluation differs from the next by the weights
        only, and two replicas attack as one does that takes their parts in turns.
        """
        key, count = seeds.key(self.config.seed, purpose), self.replicas.num_local

        def keys(index: int, replica: int) -> tf.Tensor:
            place = tf.random.fold_in(key, index * count + replica)
            return tf.random.fold_in(place, 0)  # as ever, so that figures stay

        return self._evaluate(images, labels, keys=keys)


Line = dict[str, float]
# Part of the data -> its images and labels.
ImagesByPart = Mapping[str, tuple[np.ndarray, np.ndarray]]


def selection(config: SelectedTraining, lines: Sequence[Line]) -> Line | None:
    """The line of the weights that are selected, the first of the best; or None.

    Weights are selected by their error on the validation split: that under attack, or
    of a classifier that does not learn from attacks the natural one. The other error
    decides between equals.
    """
    kinds = ["robust", "natural"]
    if not config.selects_by_attack:
        kinds.reverse()
    return min(
        (line for line in lines if line["step"] >= config.select_from),
        key=lambda line: [line[f"validation_{kind}_error"] for kind in kinds],
        default=None,
    )


def validate(
    evaluator: Evaluator,
    images: ImagesByPart,
    workspace: Workspace,
    *,
    average: Callable[[], keras.Model],
    selected: keras.Model,
    epoch: int,
) -> Action:
    """Evaluates the averaged weights, and keeps them where they are the best so far.

    The metrics are lines of a file and the best weights are in the checkpoints, so that
    a resumed run selects what it would have.

    Args:
      evaluator: of the network of averages.
      images: of learning and of validation, with their labels.
      workspace: the run's folder.
      average: fills that network with the current averages.
      selected: takes the best weights.
      epoch: updates in an epoch.
    """
    board = Board(workspace)

    def act(moment: Moment) -> None:
        weights = average().get_weights()
        values = {"epoch": moment.step / epoch}
        for part, labelled in images.items():
            found, _ = evaluator.evaluate(*labelled, Purpose.VALIDATION)
            points = training_curves(found)
            values |= {f"{part}_{name}": value for name, value in points.items()}
        workspace.append_metrics(moment.step, values, name=VALIDATION)
        shown = {f"validation/{name}": value for name, value in values.items()}
        board.scalars(moment.step, shown)
        lines = workspace.read_metrics(name=VALIDATION)
        best = selection(evaluator.config, lines)
        is_best = best is not None and best["step"] == moment.step
        if is_best:
            selected.set_weights(weights)
        path = workspace.path("plots", "training_curves.png")
        save_training_curves(path, lines, best)
        errors = f"error on validation images {values['validation_natural_error']:.4f}"
        if evaluator.config.evaluation_attack is not None:
            errors += f", under attack {values['validation_robust_error']:.4f}"
        best_so_far = ", the best so far" if is_best else ""
        workspace.log(f"epoch {values['epoch']:.4g}: {errors}{best_so_far}")

    return act


def save_selected(
    config: SelectedTraining, selected: keras.Model, path: str, workspace: Workspace
) -> Action:
    """Writes the selected weights, where there are other ones than were written."""
    written: list[Line] = []

    def save(_: Moment) -> None:
        best = selection(config, workspace.read_metrics(name=VALIDATION))
        if best is not None and written != [best]:
            save_weights(selected, workspace.path(path))
            written[:] = [best]

    return save
