"""A measurement of robustness, from its first look at natural images to its figures."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from ebm_tf import pixels
from ebm_tf.config.core import to_mapping
from ebm_tf.config.robustness import RobustnessMeasurement
from ebm_tf.evaluation import reliability, robustness
from ebm_tf.evaluation.attack_stages import AttackBatches, Rows, Stages
from ebm_tf.evaluation.plots import save_attacked
from ebm_tf.evaluation.radii import (
    after_smaller_radii,
    by_radius,
    figures_by_radius,
)
from ebm_tf.evaluation.verdicts import (
    Verdicts,
    by_attack,
    natural_verdicts,
    own_accuracy,
)
from ebm_tf.runtime.attacks.robustness_session import (
    RobustnessSession,
    open_robustness_session,
)
from ebm_tf.runtime.files import save_arrays
from ebm_tf.runtime.workspace import Workspace

RECORD = "record.npz"
MOST_PICTURED = 4

# Of each attack, the positions of the images that it was tried on, and its outcome.
Outcomes = Mapping[str, tuple[np.ndarray, Rows]]


def run(config: RobustnessMeasurement, workspace: Workspace) -> dict[str, Any]:
    """Attacks a classifier and tells how much of its accuracy is left.

    Returns:
      Accuracies with their intervals, by attack and in all, and reasons not to
      believe them, if there are any.
    """
    session = open_robustness_session(config)
    workspace.log(f"Weights of the classifier: {session.weights}")
    session.remarks.log_notes(workspace)
    images, labels = session.load_images()
    batches = AttackBatches(
        session.replicas,
        workspace,
        images,
        labels,
        batch=config.batch,
        save_every=config.save_every,
        seed=config.seed,
    )
    stages = Stages(session, batches)
    natural, again = stages.natural("natural"), stages.natural("natural_again")
    verdicts = natural_verdicts(images, natural["broken"], natural["prediction"])
    verdicts, outcomes = _attacked(stages, verdicts, workspace)
    radii = by_radius(stages, verdicts) if config.curve or config.median else None
    if radii is not None:
        verdicts = after_smaller_radii(verdicts, radii)
    results = _accuracies(session, verdicts) | _distances(verdicts, outcomes)
    if radii is not None:
        results |= figures_by_radius(stages, verdicts, radii, workspace)
    results |= _reliability(session, outcomes, natural["logits"], again["logits"])
    results["warnings"] += session.remarks.warnings
    for warning in results["warnings"]:
        workspace.log(f"Warning: {warning}")
    if workspace.is_chief:
        record = {"positions": session.positions} | (radii.arrays() if radii else {})
        _keep_record(workspace, batches, verdicts, natural["prediction"], record)
        _show_some(workspace, batches, verdicts, natural["prediction"])
    return results | _facts(session)


def describe(config: RobustnessMeasurement) -> Iterator[str]:
    """What a run would build and read, a line each; nothing is written."""
    yield from open_robustness_session(config).describe()


def _facts(session: RobustnessSession) -> dict[str, Any]:
    """What the figures were made with."""
    config = session.config
    settings = {
        name: getattr(config, name)
        for name in ("ball", "pgd", "auto_attack", "carlini_wagner")
    }
    return {
        "data": config.data.name,
        "split": config.data.split,
        "subset": config.subset,
        **{name: value and to_mapping(value) for name, value in settings.items()},
        "weights": session.weights,
        "seed": config.seed,
        "units": robustness.UNITS,
    }


def _attacked(
    stages: Stages, verdicts: Verdicts, workspace: Workspace
) -> tuple[Verdicts, Outcomes]:
    """Runs all attacks in turn.

    Those that have figures of their own are tried on all images that are naturally
    right, the others on those that are still unbroken.
    """
    session, outcomes = stages.session, {}
    for name in session.attacks:
        right = np.flatnonzero(verdicts.right)
        chosen = right if name in session.own_figures else verdicts.unbroken
        outcome = stages.in_ball(name, chosen)
        outcomes[name] = chosen, outcome
        verdicts = verdicts.after(
            name, chosen, outcome["images"], outcome["broken"], outcome["prediction"]
        )
        left = len(verdicts.unbroken) / len(verdicts.broken_by)
        workspace.log(f"{name}: {len(chosen)} images; {left:.2%} of all are unbroken")
    return verdicts, outcomes


def _accuracies(session: RobustnessSession, verdicts: Verdicts) -> dict[str, Any]:
    results = {
        "num_images": len(verdicts.broken_by),
        **robustness.accuracy("natural_accuracy", verdicts.right),
    }
    if session.attacks:
        standing = verdicts.broken_by < 0
        results |= robustness.accuracy("robust_accuracy", standing)
    for name in [name for name in ("pgd", "apgd_ce") if name in session.attacks]:
        results |= own_accuracy(verdicts, name)
    return results | {"by_attack": by_attack(verdicts)}


def _distances(verdicts: Verdicts, outcomes: Outcomes) -> dict[str, Any]:
    """The l2 distances, in 255ths, to the nearest errors that were found."""
    if "carlini_wagner" not in outcomes:
        return {}
    chosen, outcome = outcomes["carlini_wagner"]
    distances = np.where(verdicts.right, np.inf, 0.0)
    if len(chosen):
        distances[chosen] = outcome["info_distance"] / pixels.from_255ths(1.0)
    found = robustness.median_radius(distances, np.inf)
    return {
        "median_l2_distance": found["median_radius"],
        "num_without_l2_distance": found["num_censored"],
    }


def _reliability(
    session: RobustnessSession,
    outcomes: Outcomes,
    logits: np.ndarray,
    again: np.ndarray,
) -> dict[str, Any]:
    """Flags and warnings; the logits [n, k] are of two passes."""
    evidence = reliability.gathered(outcomes, len(logits), is_random=session.is_random)
    return reliability.reliability(
        evidence._replace(
            logit_difference=reliability.logit_difference(logits, again),
            looks_like_probabilities=reliability.looks_like_probabilities(logits),
        )
    )


def _keep_record(
    workspace: Workspace,
    batches: AttackBatches,
    verdicts: Verdicts,
    predictions: np.ndarray,
    more: Mapping[str, np.ndarray],
) -> None:
    """Writes what became of every image, and more arrays by name."""
    save_arrays(
        workspace.path(RECORD),
        natural=batches.images,
        adversarial=verdicts.images,
        labels=batches.labels,
        natural_predictions=predictions,
        adversarial_predictions=verdicts.predictions,
        attacks=np.array(verdicts.names),
        broken_by=verdicts.broken_by,
        **more,
    )


def _show_some(
    workspace: Workspace,
    batches: AttackBatches,
    verdicts: Verdicts,
    predictions: np.ndarray,
) -> None:
    """Shows a few images that an attack broke, and a few that none did."""
    broken = np.flatnonzero(verdicts.broken_by > 0)[:MOST_PICTURED]
    shown = np.concatenate([broken, verdicts.unbroken[:MOST_PICTURED]])
    if not len(shown):
        return
    said = (*verdicts.names, "unbroken")  # -1, of the unbroken, is the last
    save_attacked(
        workspace.path("images", "attacked.png"),
        batches.images[shown],
        verdicts.images[shown],
        predictions=predictions[shown],
        attacked_predictions=verdicts.predictions[shown],
        attacks=[said[index] for index in verdicts.broken_by[shown]],
    )
