"""All attacks on a classifier alone, and what they leave of its accuracy."""

from typing import Any, NamedTuple

import numpy as np

from ebm_tf.evaluation import reliability, verdicts
from ebm_tf.evaluation.attack_phases import (
    Outcomes,
    Phases,
    attacked_in_turn,
    is_random,
)
from ebm_tf.evaluation.batch_files import Arrays
from ebm_tf.evaluation.verdicts import Verdicts

CARLINI_WAGNER = "carlini_wagner"


class Findings(NamedTuple):
    """What attacks have found.

    Attributes:
      verdicts: on all images.
      tried: what each attack was tried on, and its outcome.
      natural: the evaluation of natural images.
      again: a second one, which is the same where nothing is random.
    """

    verdicts: Verdicts
    tried: Outcomes
    natural: Arrays
    again: Arrays


def attack_all(phases: Phases) -> Findings:
    """Evaluates natural images twice, then runs all attacks in their order."""
    natural, again = phases.natural("natural"), phases.natural("natural_again")
    found = verdicts.natural_verdicts(
        phases.images, natural["broken"], natural["prediction"]
    )
    found, tried = attacked_in_turn(phases, found)
    return Findings(found, tried, natural, again)


def distances(findings: Findings) -> tuple[np.ndarray, np.ndarray] | None:
    """The nearest errors that Carlini and Wagner found; None where they were not asked.

    Returns:
      Positions [m] of the images, and Euclidean distances [m] in units of images in
      [-1, 1], infinite where none was found.
    """
    if CARLINI_WAGNER not in findings.tried:
        return None
    chosen, outcome = findings.tried[CARLINI_WAGNER]
    return chosen, outcome.get("info_distance", np.zeros(0))  # of no image, if none


def metrics(phases: Phases, findings: Findings) -> dict[str, Any]:
    """Accuracies with their intervals, and reasons not to believe them."""
    found = findings.verdicts
    results = verdicts.accuracies(found)
    if (nearest := distances(findings)) is not None:
        results |= verdicts.l2_distances(found, *nearest)
    evidence = reliability.gathered(
        findings.tried, len(phases.images), is_random=is_random(phases.config)
    )
    logits = findings.natural["logits"], findings.again["logits"]
    evidence = reliability.with_logits(evidence, *logits)
    return results | reliability.reliability(evidence)
