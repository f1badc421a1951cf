"""A run that learns a classifier, from its start to its figures."""

import time
from collections.abc import Iterator
from typing import Any

import numpy as np

from ebm_tf.config.core import to_mapping
from ebm_tf.errors import WeightsError
from ebm_tf.evaluation.energy_statistics import Judged
from ebm_tf.evaluation.robustness import interval
from ebm_tf.learning.optimization import averaged
from ebm_tf.runtime import actions, figures
from ebm_tf.runtime.classifier_measurement import Measurement
from ebm_tf.runtime.classifier_session import ROLE, ClassifierSession, ImagesByPart
from ebm_tf.runtime.classifier_validation import save_selected, selection, validate
from ebm_tf.runtime.loop import Action, Loop, every
from ebm_tf.runtime.seeds import Purpose
from ebm_tf.runtime.weights import FOLDER, weights_name
from ebm_tf.runtime.workspace import VALIDATION, Workspace

MOST_PICTURED = 100


def learn(session: ClassifierSession, workspace: Workspace) -> dict[str, Any]:
    """Learns, or goes on learning, then measures the selected weights once.

    Returns:
      The results.
    """
    config = session.config
    images = session.told_images()  # first: labels that do not fit are told at once
    loop = Loop(
        session.task(),
        session.replicas,
        workspace,
        guard=config.guard,
        save_every=session.save_every,
        seed=config.seed,
    )
    if not loop.is_saved:
        for line in session.load_weights():
            workspace.log(line)
    measurement = Measurement(session)
    begun, num_before = time.monotonic(), loop.num_saved
    loop.run(
        config.num_updates,
        _actions(measurement, workspace, images) if workspace.is_chief else [],
        before_save=_weight_files(session, workspace) if workspace.is_chief else [],
    )
    pace = (config.num_updates - num_before) / (time.monotonic() - begun) or None
    results = {"num_updates": config.num_updates, "updates_per_second": pace}
    if not workspace.is_chief:
        return results
    return results | _measure(measurement, workspace)


def describe(session: ClassifierSession) -> Iterator[str]:
    """What a run would build and read, a line each; nothing is written."""
    model, config = session.classifier.model, session.config
    yield f"{ROLE}: {model.name}, {model.count_params():,} parameters"
    yield (
        f"replicas: {session.replicas.count}, each a batch of {session.replica_batch}"
    )
    yield (
        f"epoch: {session.epoch} updates, of {config.num_updates}; measured every "
        f"{session.validate_every}, saved every {session.save_every}"
    )
    try:
        yield from session.load_weights()
    except WeightsError as error:
        yield f"missing: {error}"
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
    return _test_figures(judged) | {
        "evaluation_attack": to_mapping(config.evaluation_attack),
        "ball": to_mapping(config.ball),
        "selected_update": selected["step"],
        "weights": f"{FOLDER}/{weights_name(f'{ROLE}_selected')}",
        "validation_accuracy": 1.0 - selected["validation_natural_error"],
        "validation_pgd20_accuracy": 1.0 - selected["validation_robust_error"],
    }


def _test_figures(judged: Judged) -> dict[str, Any]:
    """Accuracies as fractions, each with its 95 % interval."""
    results: dict[str, Any] = {}
    for name, errors in (
        ("test_accuracy", judged.natural_errors),
        ("pgd20_accuracy", judged.robust_errors),
    ):
        num, num_right = len(errors), int(np.sum(~errors))
        results[name] = num_right / num
        results[f"{name}_interval"] = interval(num_right, num)
    return results | {"num_images": len(judged.labels)}
