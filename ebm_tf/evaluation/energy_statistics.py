"""The energies of a classifier on natural and attacked images, and their statistics.

While a classifier learns to be robust, E(x) - E(x*) measures how far the attacked
images drift from the natural ones; it runs away where the robust error rises again
(Mirza et al., 2024).
"""

from typing import Any, NamedTuple

import numpy as np
from scipy.special import logsumexp

from ebm_tf.attacks.outcomes import errs

PERCENTILES = (5, 25, 50, 75, 95)


class Evaluation(NamedTuple):
    """The logits of a classifier at n images and at the same images under attack.

    Attributes:
      natural: logits float32 [n, k] of the images.
      attacked: logits float32 [n, k] of the attacked images.
      labels: int64 [n].
      broken: bool [n], whether the attack succeeded.
    """

    natural: Any
    attacked: Any
    labels: Any
    broken: Any

    @property
    def natural_errors(self) -> np.ndarray:
        """Whether the classifier errs at the images, bool [n]."""
        return errs(self.natural, self.labels).numpy()

    @property
    def robust_errors(self) -> np.ndarray:
        """Whether it errs at an image or at the attacked one, bool [n]."""
        return self.broken | self.natural_errors


class Energies(NamedTuple):
    """Energies of n images, float64 [n].

    Attributes:
      marginal: E(x) = -logsumexp of the logits.
      joint: E(x, y) = -logit of the label.
      delta_marginal: E(x) - E(x*); below 0 where the attacked image is less likely.
      delta_joint: E(x, y) - E(x*, y).
    """

    marginal: np.ndarray
    joint: np.ndarray
    delta_marginal: np.ndarray
    delta_joint: np.ndarray


def energies(evaluation: Evaluation) -> Energies:
    """The energies of images and of the same images under attack."""
    (marginal, joint), (of_attacked, joint_of_attacked) = (
        _both(logits.astype(np.float64), evaluation.labels)
        for logits in (evaluation.natural, evaluation.attacked)
    )
    return Energies(marginal, joint, marginal - of_attacked, joint - joint_of_attacked)


def _both(logits: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return -logsumexp(logits, axis=1), -logits[np.arange(len(labels)), labels]


def training_curves(evaluation: Evaluation) -> dict[str, float]:
    """The points of the training curves at one moment of learning.

    Returns:
      natural_error and robust_error, weight_mean (of 1 / softplus |E(x)|),
      positive_share (of images with E(x) > 0), and for each of the `Energies` its
      mean and percentiles: marginal_mean, marginal_05, ... delta_joint_95.
    """
    found = energies(evaluation)
    points = {
        "natural_error": np.mean(evaluation.natural_errors),
        "robust_error": np.mean(evaluation.robust_errors),
        "weight_mean": np.mean(1.0 / np.logaddexp(0.0, np.abs(found.marginal))),
        "positive_share": np.mean(found.marginal > 0),
    }
    for name, values in found._asdict().items():
        points[f"{name}_mean"] = np.mean(values)
        for percentile in PERCENTILES:
            points[f"{name}_{percentile:02d}"] = np.percentile(values, percentile)
    return {name: float(value) for name, value in points.items()}
