"""A run that learns a classifier, from its start to its figures."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from ebm_tf.config.core import to_mapping
from ebm_tf.data.sources import FIRST_FEW
from ebm_tf.evaluation.classifier_validation import (
    Measurement,
    save_selected,
    selection,
    validate,
)
from ebm_tf.evaluation.energy_statistics import Judged
from ebm_tf.evaluation.robustness import UNITS, interval
from ebm_tf.learning.optimization import averaged
from ebm_tf.runtime import actions, figures, learning_run
from ebm_tf.runtime.classifiers.session import ROLE, ClassifierSession, ImagesByPart
from ebm_tf.runtime.learning_run import MOST_PICTURED
from ebm_tf.runtime.loop import Action, every
from ebm_tf.runtime.seeds import Purpose
from ebm_tf.runtime.workspace import VALIDATION, Workspace
from ebm_tf.store.sources import FOLDER, weights_name


def learn(session: ClassifierSession, workspace: Workspace) -> dict[str, Any]:
    """Learns, or goes on learning, then measures the selected weights once.

    Returns:
      The results.
    """
    images = session.told_images()  # first: labels that do not fit are told at once
    measurement = Measurement(session)
    results = learning_run.learn(
        session,
        workspace,
        save_every=session.save_every,
        actions=lambda: _actions(measurement, workspace, images),
        before_save=_weight_files(session, workspace),
    )
    if not workspace.is_chief:
        return results
    return results | _measure(measurement, workspace)


def describe(session: ClassifierSession) -> Iterator[str]:
    """What a run would build and read, a line each; nothing is written."""
    config = session.config
    session.load(session.source, FIRST_FEW)  # which looks at their labels
    models = {ROLE: session.classifier.model}
    yield from learning_run.describe_networks(session, models)
    yield (
        f"epoch: {session.epoch} updates, of {config.num_updates}; measured every "
        f"{session.validate_every}, saved every {session.save_every}"
    )
    yield from learning_run.describe_weights(session)
    for role, source, limit in (
        ("data", session.source, None),
        ("validation", session.validation_source, config.num_validation),
        ("test", session.test_source, config.num_test),
    ):
        number = min(source.num_examples, limit or source.num_examples)
        yield (
            f"{role}: {number:,} images of {source.name}, {source.split}, "
            f"{source.origin}"
        )


def _actions(
    measurement: Measurement, workspace: Workspace, images: ImagesByPart
) -> list[Action]:
    """What happens between updates, on the first worker."""
    session = measurement.session
    config, total = session.config, session.config.num_updates
    measured = validate(measurement, workspace, images)
    return [
        actions.show_progress(total),
        actions.log_metrics(workspace, total, config.log_every),
        every(session.validate_every, measured, total),
    ]


def _weight_files(session: ClassifierSession, workspace: Workspace) -> list[Action]:
    """Writes the selected weights, and at the end the raw and the averaged ones."""
    network, total = session.classifier, session.config.num_updates
    raw = actions.save_network(workspace, ROLE, lambda: network.model)
    average = actions.save_network(
        workspace, f"{ROLE}_average", lambda: averaged(network)
    )
    return [
        save_selected(session, workspace),
        every(total, raw),
        every(total, average),
    ]


def _measure(measurement: Measurement, workspace: Workspace) -> dict[str, Any]:
    """Measures the selected weights on the test split, and shows attacked images."""
    session, config = measurement.session, measurement.session.config
    selected = selection(config, workspace.read_metrics(name=VALIDATION))
    if selected is None:
        raise ValueError("The last update is measured, and may be selected.")
    session.classifier.average.set_weights(session.selected.get_weights())
    images, labels = session.load(session.test_source, config.num_test)
    workspace.log(
        f"Measuring the weights of update {selected['step']} on {len(labels)} test "
        "images."
    )
    judged, attacked = measurement.judged(images, labels, Purpose.TEST)
    for name, shown in (("natural", images), ("attacked", attacked)):
        path = workspace.path("images", f"test_{name}.png")
        figures.save_grid(path, shown[:MOST_PICTURED])
    pgd = f"pgd{config.evaluation_attack.num_steps}_accuracy"
    return _test_figures(judged, pgd) | {
        "evaluation_attack": to_mapping(config.evaluation_attack),
        "ball": to_mapping(config.ball),
        "selected_update": selected["step"],
        "weights": f"{FOLDER}/{weights_name(f'{ROLE}_selected')}",
        "validation_accuracy": 1.0 - selected["validation_natural_error"],
        f"validation_{pgd}": 1.0 - selected["validation_robust_error"],
        "units": UNITS,
    }


def _test_figures(judged: Judged, pgd: str) -> dict[str, Any]:
    """Accuracies, that under PGD by its name, each with its 95 % interval."""
    results: dict[str, Any] = {}
    for name, errors in (
        ("test_accuracy", judged.natural_errors),
        (pgd, judged.robust_errors),
    ):
        num, num_right = len(errors), int(np.sum(~errors))
        results[name] = num_right / num
        results[f"{name}_interval"] = interval(num_right, num)
    return results | {"num_images": len(judged.labels)}
