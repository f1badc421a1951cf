"""A classifier behind purification is attacked, batch by batch, and judged."""

import functools
from collections.abc import Iterator
from typing import Any

import numpy as np
import tensorflow as tf

from ebm_tf.config.core import to_mapping
from ebm_tf.config.defense import DefenseMeasurement
from ebm_tf.errors import RunError
from ebm_tf.evaluation import reliability
from ebm_tf.evaluation.defense_trial import Record
from ebm_tf.evaluation.plots import save_comparison
from ebm_tf.evaluation.robustness import UNITS, accuracy
from ebm_tf.runtime import actions, plots
from ebm_tf.runtime.attacks.defense_session import DefenseSession, open_defense_session
from ebm_tf.runtime.distribution import distributed, gather
from ebm_tf.runtime.files import load_arrays, save_arrays
from ebm_tf.runtime.loop import Action, Loop, Moment, Task
from ebm_tf.runtime.workspace import Workspace

RECORDS = "records"
RESULTS = ("data_log", "results.npz")
MOST_PICTURED = 8

Arrays = dict[str, np.ndarray]


def run(config: DefenseMeasurement, workspace: Workspace) -> dict[str, Any]:
    """Attacks all images, or what is left of them, and tells how many stand.

    Returns:
      On the first worker, accuracies with their intervals and what they were made
      with; nothing on others.
    """
    session = open_defense_session(config)
    for role, path in session.weights.items():
        workspace.log(f"Weights of the {role}: {path}")
    session.remarks.log_notes(workspace)
    total = -(-session.num_images // config.batch)
    loop = Loop(
        _task(session),
        session.replicas,
        workspace,
        guard=None,
        save_every=config.save_every,
        seed=config.seed,
    )
    happens: list[Action] = []
    if workspace.is_chief:
        happens = [
            _keep_record(workspace),
            actions.show_progress(total, "batches"),
            actions.log_metrics(workspace, total, 1, "batches"),
        ]
    loop.run(total, happens)
    gather(session.replicas, 0)  # the first worker has written all
    if not workspace.is_chief:
        return {}
    records = _joined(session, workspace, total)
    save_arrays(workspace.path(*RESULTS), **records)
    _show(session, records, workspace)
    results = _figures(config, records)
    results["warnings"] += session.remarks.warnings
    for warning in results["warnings"]:
        workspace.log(f"Warning: {warning}")
    return results | _facts(session)


def describe(config: DefenseMeasurement) -> Iterator[str]:
    """What a run would build and read, a line each; nothing is written."""
    session = open_defense_session(config)
    yield from session.describe()
    yield from session.remarks.lines()


def _task(session: DefenseSession) -> Task:
    """The attack as a loop sees it: a step is a batch; there is no state."""
    nothing = [tf.zeros([])] * session.replicas.num_local

    def step(state: Any, batch: tuple, _: tf.Tensor) -> Any:
        record = session.trial.run(*batch)
        metrics = {
            "natural_accuracy": float(record.defended[0].mean()),
            "attacked_accuracy": float(record.defended[-1].mean()),
        }
        return state, metrics, (*batch, record)

    return Task(
        step=step,
        initial_state=lambda: distributed(session.replicas, nothing),
        state_structure=0,
        batches=functools.partial(_batches, session),
        unit="batches",
    )


def _batches(session: DefenseSession, start: int) -> Iterator[tuple]:
    """Images, labels and positions, from batch start on."""
    first = start * session.config.batch
    for images, labels in session.batches(start):
        yield images, labels, session.positions[first : first + len(images)]
        first += len(images)


def _keep_record(workspace: Workspace) -> Action:
    """Writes what became of the images of a batch."""

    def keep(moment: Moment) -> None:
        save_arrays(_record_path(workspace, moment.step), **_arrays(*moment.outputs))

    return keep


def _arrays(
    images: np.ndarray, labels: np.ndarray, positions: np.ndarray, record: Record
) -> Arrays:
    """The published arrays by their published names, and some more."""
    return {
        "class_path": record.defended.astype(np.float32),
        "ims_orig": images,
        "ims_adv": record.images,
        "labs": labels,
        "positions": positions,
        "natural_predictions": record.natural_predictions,
        "final_predictions": record.final_predictions,
        "losses": record.losses,
        "last_rise": record.last_rise,
        "zero_gradient": record.zero_gradient,
    }


def _record_path(workspace: Workspace, batch: int) -> str:
    return workspace.path(RECORDS, f"{batch:05d}.npz")


def _joined(session: DefenseSession, workspace: Workspace, total: int) -> Arrays:
    """The records of all batches together; images are along the last axis of paths."""
    batches = range(1, total + 1)
    parts = [_record_of(session, workspace, batch) for batch in batches]
    axes = {"class_path": 1, "losses": 1}
    return {
        name: np.concatenate([part[name] for part in parts], axes.get(name, 0))
        for name in parts[0]
    }


def _record_of(session: DefenseSession, workspace: Workspace, batch: int) -> Arrays:
    """The record of a batch, made again where its file is missing or damaged.

    Raises:
      RunError: if it is, and other workers would have to help.
    """
    path, replicas = _record_path(workspace, batch), session.replicas
    try:
        return load_arrays(path)
    except RunError as error:
        if replicas.num_local < replicas.count:
            raise
        workspace.log(f"{error} It is made anew.")
    images, labels, positions = next(_batches(session, batch - 1))
    record = session.trial.run(images, labels, positions)
    save_arrays(path, **_arrays(images, labels, positions, record))
    return load_arrays(path)


def _figures(config: DefenseMeasurement, records: Arrays) -> dict[str, Any]:
    """Accuracies, and reasons not to believe them."""
    path = records["class_path"] > 0
    fresh = records["final_predictions"] == records["labs"]
    evidence = reliability.gathered(
        {config.attack.gradient: _outcome(records)}, path.shape[1], is_random=True
    )
    return {
        "num_images": path.shape[1],
        **accuracy("natural_accuracy", path[0]),
        **accuracy("robust_accuracy", path[-1]),
        **accuracy("robust_accuracy_fresh", fresh),
        **accuracy("robust_accuracy_worst", path[-1] & fresh),
        "by_step": path.mean(1).tolist(),
        **reliability.reliability(evidence),
    }


def _outcome(records: Arrays) -> tuple[np.ndarray, Arrays]:
    """The attack on the images that were right, as its evidence is told."""
    path = records["class_path"] > 0
    chosen = np.flatnonzero(path[0])
    broken = ~path[-1, chosen]
    return chosen, {
        "broken": broken,
        "claimed": broken,
        "info_loss_last_rise": records["last_rise"][chosen],
        "info_zero_gradient": records["zero_gradient"][chosen],
    }


def _facts(session: DefenseSession) -> dict[str, Any]:
    """What the figures were made with."""
    config = session.config
    return {
        "data": config.data.name,
        "split": config.data.split,
        "subset": config.subset,
        "ball": to_mapping(config.ball),
        "attack": to_mapping(config.attack),
        "defense": to_mapping(config.defense),
        "num_final_replicates": config.num_final_replicates,
        "langevin": to_mapping(config.langevin),
        "temperature": config.temperature,
        "weights": session.weights,
        "weights_kind": config.weights_kind,
        "seed": config.seed,
        "units": UNITS,
    }


def _show(session: DefenseSession, records: Arrays, workspace: Workspace) -> None:
    """Plots the defended share, and shows a few images."""
    shares = records["class_path"].mean(1)
    plots.save_curves(
        workspace.path("plots", "defended.png"),
        {session.config.name: (range(-1, len(shares) - 1), shares.tolist())},
        labels=(
            "step or climb of the attack; -1: natural images",
            "share still defended",
        ),
    )
    path = records["class_path"] > 0
    broken = np.flatnonzero(path[0] & ~path[-1])[:MOST_PICTURED]
    shown = np.concatenate([broken, np.flatnonzero(path[-1])[:MOST_PICTURED]])
    if not len(shown):
        return
    natural, adversarial = records["ims_orig"][shown], records["ims_adv"][shown]
    # One more chain of each image; the prediction is that of all final replicates.
    purified = session.purify(adversarial, _picture_keys(len(shown)))
    undefended = np.argmax(session.classifier(tf.constant(adversarial)), 1)
    save_comparison(
        workspace.path("images", "attacked.png"),
        {"natural": natural, "adversarial": adversarial, "purified": purified},
        {
            "natural": _captions(records, "natural_predictions", shown),
            "adversarial": [f"undefended: says {value}" for value in undefended],
            "purified": _captions(records, "final_predictions", shown),
        },
    )


def _picture_keys(n: int) -> tf.Tensor:
    return tf.stack([tf.range(n), tf.ones([n], tf.int32)], 1)


def _captions(records: Arrays, name: str, rows: np.ndarray) -> list[str]:
    return [f"says {prediction}" for prediction in records[name][rows]]
