"""What is measured while a classifier learns, and which weights are the best."""

from collections.abc import Sequence

from ebm_tf.config.classification import ClassifierTraining
from ebm_tf.config.objectives import Clean
from ebm_tf.evaluation.energy_statistics import story
from ebm_tf.learning.optimization import averaged
from ebm_tf.runtime.actions import Board
from ebm_tf.runtime.classifiers.figures import save_story
from ebm_tf.runtime.classifiers.measurement import Measurement
from ebm_tf.runtime.classifiers.session import ROLE, ClassifierSession, ImagesByPart
from ebm_tf.runtime.loop import Action, Moment
from ebm_tf.runtime.seeds import Purpose
from ebm_tf.runtime.weights import FOLDER, save_weights, weights_name
from ebm_tf.runtime.workspace import VALIDATION, Workspace

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
