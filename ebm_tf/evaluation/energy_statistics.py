"""The energies of a classifier on natural and attacked images, and their statistics.

While a classifier learns to be robust, E(x) - E(x*) measures how far the attacked
images drift from the natural ones; it runs away where the robust error rises again
(Mirza et al., 2024).
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from scipy.special import logsumexp

from ebm_tf.attacks.outcomes import errs
from ebm_tf.evaluation.robustness import POINT

PERCENTILES = (5, 25, 50, 75, 95)
# Of natural images x and attacked ones x*, by what programs call them.
DIFFERENCES = {"delta_marginal": "E(x) - E(x*)", "delta_joint": "E(x, y) - E(x*, y)"}
_LEVELS = (0.025, 0.975)  # of a 95 % interval


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

    @property
    def fooled(self) -> np.ndarray:
        """Whether the attack made an error of a right answer, bool [n]."""
        return self.broken & ~self.natural_errors


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

    @property
    def finite(self) -> np.ndarray:
        """Whether all energies of an image are finite, bool [n]."""
        return np.isfinite(self.delta_marginal + self.delta_joint)

    def columns(self) -> dict[str, np.ndarray]:
        """All of them by name, and those of the attacked images, x*."""
        attacked = {
            "attacked_marginal": self.marginal - self.delta_marginal,
            "attacked_joint": self.joint - self.delta_joint,
        }
        return self._asdict() | attacked


def energies(evaluation: Evaluation) -> Energies:
    """The energies of images and of the same images under attack."""
    (marginal, joint), (of_attacked, joint_of_attacked) = (
        _both(logits.astype(np.float64), evaluation.labels)
        for logits in (evaluation.natural, evaluation.attacked)
    )
    return Energies(marginal, joint, marginal - of_attacked, joint - joint_of_attacked)


def mean_interval(values: np.ndarray) -> list[float]:
    """The 95 % interval of the mean of values [n], n > 1: [low, high].

    It is that of the normal distribution, for which n should be large.
    """
    mean = np.mean(values, dtype=np.float64)
    half = POINT * np.std(values, ddof=1, dtype=np.float64) / np.sqrt(len(values))
    return [float(mean - half), float(mean + half)]


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


def statistics(
    columns: Mapping[str, np.ndarray], chosen: np.ndarray, *, num_draws: int, seed: int
) -> dict[str, Any] | None:
    """Statistics of each column, of the chosen images.

    Args:
      columns: float64 [n], by name.
      chosen: bool [n].
      num_draws: of the bootstrap.
      seed: of it.

    Returns:
      The number of images and, by name of the column, "mean", its 95 %
      "mean_interval" (percentile bootstrap), "stddev" and "percentiles" by number; None
      for fewer than two images.
    """
    if chosen.sum() < 2:
        return None
    values = np.stack(list(columns.values()), 1)[chosen]
    intervals = mean_intervals(values, num_draws=num_draws, seed=seed)
    percentiles = np.percentile(values, PERCENTILES, axis=0)
    return {"num_images": len(values)} | {
        name: {
            "mean": float(values[:, place].mean()),
            "mean_interval": intervals[place].tolist(),
            "stddev": float(values[:, place].std(ddof=1)),
            "percentiles": dict(
                zip(map(str, PERCENTILES), percentiles[:, place].tolist(), strict=True)
            ),
        }
        for place, name in enumerate(columns)
    }


def mean_intervals(values: np.ndarray, *, num_draws: int, seed: int) -> np.ndarray:
    """The 95 % intervals [m, 2] of the means of values [n, m].

    They are quantiles of the means of draws of n rows (percentile bootstrap).
    """
    generator, num = np.random.default_rng(seed), len(values)
    draws = (generator.integers(0, num, num) for _ in range(num_draws))
    means = np.array([values[rows].mean(0) for rows in draws])
    return np.quantile(means, _LEVELS, axis=0).T
