"""A classifier under attack, measured on all devices of this process."""

import dataclasses
import functools
from collections.abc import Callable, Sequence

import numpy as np
import tensorflow as tf

from ebm_tf.attacks.pgd import pgd_attack
from ebm_tf.config.classification import ClassifierTraining
from ebm_tf.config.objectives import Clean
from ebm_tf.evaluation.energy_statistics import Judged, story
from ebm_tf.evaluation.plots import save_story
from ebm_tf.learning.adversary import in_inference
from ebm_tf.learning.optimization import averaged
from ebm_tf.pixels import from_255ths
from ebm_tf.runtime import seeds
from ebm_tf.runtime.actions import Board
from ebm_tf.runtime.classifiers.session import ROLE, ClassifierSession, ImagesByPart
from ebm_tf.runtime.loop import Action, Moment
from ebm_tf.runtime.rows import over_rows
from ebm_tf.runtime.seeds import Purpose
from ebm_tf.runtime.workspace import VALIDATION, Workspace
from ebm_tf.store.sources import FOLDER, save_weights, weights_name


@dataclasses.dataclass(frozen=True)
class Measurement:
    """Judges the network of averages, with the weights that it has at the time.

    Attributes:
      session: whose network, attack and devices are used.
    """

    session: ClassifierSession

    @functools.cached_property
    def _judge(self) -> Callable:
        """Compiled once: all batches have one shape."""
        session = self.session
        config, replicas = session.config, session.replicas
        classifier = in_inference(session.classifier.average)
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
        key = seeds.key(self.session.config.seed, purpose)

        def keys(index: int, replica: int) -> tf.Tensor:
            return tf.random.fold_in(tf.random.fold_in(key, index), replica)

        return self._judge(images, labels, keys=keys)


Line = dict[str, float]


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
    measurement: Measurement, workspace: Workspace, images: ImagesByPart
) -> Action:
    """Measures the averaged weights, and keeps them where they are the best so far.

    What was measured is in the lines of a file and the best weights are in the
    checkpoints, so that a run that goes on from one selects what it would have.
    """
    session = measurement.session
    board = Board(workspace)

    def act(moment: Moment) -> None:
        average = averaged(session.classifier)
        values = {"epoch": moment.step / session.epoch}
        for part, labelled in images.items():
            judged, _ = measurement.judged(*labelled, Purpose.VALIDATION)
            told = story(judged)
            values |= {f"{part}_{name}": value for name, value in told.items()}
        workspace.append_metrics(moment.step, values, name=VALIDATION)
        shown = {f"validation/{name}": value for name, value in values.items()}
        board.scalars(moment.step, shown)
        lines = workspace.read_metrics(name=VALIDATION)
        selected = selection(session.config, lines)
        is_best = selected is not None and selected["step"] == moment.step
        if is_best:
            session.selected.set_weights(average.get_weights())
        save_story(workspace.path("plots", "story.png"), lines, selected)
        workspace.log(_told(values) + (", the best so far" if is_best else ""))

    return act


def _told(values: Line) -> str:
    return (
        f"epoch {values['epoch']:.4g}: error on validation images "
        f"{values['validation_natural_error']:.4f}, under attack "
        f"{values['validation_robust_error']:.4f}"
    )


def save_selected(session: ClassifierSession, workspace: Workspace) -> Action:
    """Writes the selected weights, where there are other ones than were written."""
    written: list[float] = []

    def save(_: Moment) -> None:
        lines = workspace.read_metrics(name=VALIDATION)
        selected = selection(session.config, lines)
        if selected is not None and written != [selected["step"]]:
            name = weights_name(f"{ROLE}_selected")
            save_weights(session.selected, workspace.path(FOLDER, name))
            written[:] = [selected["step"]]

    return save
