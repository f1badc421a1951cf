"""How well a score separates images of the distribution from others.

A score is higher for images of the distribution, which are the positives.
"""

import math
from typing import Any, NamedTuple

import numpy as np

# The share of images of the distribution that a detector has to let through.
TRUE_POSITIVE_RATE = 0.95
_LEVELS = (0.025, 0.975)


class Detection(NamedTuple):
    """How well a score detects.

    Attributes:
      auroc: the chance that an image of the distribution scores above another one,
        ties by half.
      aupr: the average precision, the mean precision over images of the distribution
        in the order of scores. Chance is their share of all images.
      fpr_at_95_tpr: the share of others above the threshold that lets 95 % of the
        images of the distribution through.
    """

    auroc: float
    aupr: float
    fpr_at_95_tpr: float


def levels(inside: np.ndarray, outside: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Integers in the order of the scores, of which 0 is the highest.

    Scores that are not numbers count against the detector: as the lowest inside of
    the distribution and as the highest outside.

    Args:
      inside: scores [n] of images of the distribution.
      outside: scores [m] of others.

    Returns:
      int64 [n] and int64 [m]; equal scores have equal levels.
    """
    inside = np.where(np.isnan(inside), -np.inf, inside)
    outside = np.where(np.isnan(outside), np.inf, outside)
    values, places = np.unique(np.concatenate([inside, outside]), return_inverse=True)
    falling = len(values) - 1 - places.reshape(-1)
    return falling[: len(inside)], falling[len(inside) :]


def detection(inside: np.ndarray, outside: np.ndarray) -> Detection:
    """The metrics of scores [n] of the distribution and [m] of others.

    AUROC and average precision are those of scikit-learn, from the counts of images
    at each level of the score, which a bootstrap resamples without sorting.
    """
    of_inside, of_outside = levels(inside, outside)
    num = 1 + max(of_inside.max(), of_outside.max())
    return _from_counts(
        np.bincount(of_inside, minlength=num), np.bincount(of_outside, minlength=num)
    )


def _from_counts(of_inside: np.ndarray, of_outside: np.ndarray) -> Detection:
    """From the images at each level, int64 [l] of either kind, the highest first."""
    above, false = np.cumsum(of_inside), np.cumsum(of_outside)
    num_inside, num_outside = above[-1], false[-1]
    # An image outside loses to all above its level, and half to those at it.
    wins = of_outside @ (above - 0.5 * of_inside)
    accepted = np.maximum(above + false, 1)
    needed = math.ceil(round(TRUE_POSITIVE_RATE * num_inside, 6))
    return Detection(
        float(wins / (num_inside * num_outside)),
        float(of_inside @ (above / accepted) / num_inside),
        float(false[np.searchsorted(above, needed)] / num_outside),
    )


def intervals(
    inside: np.ndarray, outside: np.ndarray, num_draws: int, seed: int
) -> dict[str, list[float]]:
    """95 % intervals of the metrics, [low, high] by their names.

    They are quantiles over draws of both sets (percentile bootstrap). Draws cannot
    show an error that the sets do not have: [1, 1] is the best of so many images, no
    certainty.
    """
    generator = np.random.default_rng(seed)
    of_inside, of_outside = levels(inside, outside)
    num = 1 + max(of_inside.max(), of_outside.max())

    def drawn(values: np.ndarray) -> np.ndarray:
        chosen = values[generator.integers(0, len(values), len(values))]
        return np.bincount(chosen, minlength=num)

    draws = [
        _from_counts(drawn(of_inside), drawn(of_outside)) for _ in range(num_draws)
    ]
    bounds = np.quantile(draws, _LEVELS, axis=0).T.tolist()
    return dict(zip(Detection._fields, bounds, strict=True))


def metrics(
    inside: np.ndarray, outside: np.ndarray, *, num_draws: int, seed: int
) -> dict[str, Any]:
    """The metrics by name, with intervals, and how many scores are not finite."""
    results: dict[str, Any] = {}
    bounds = intervals(inside, outside, num_draws, seed)
    for name, value in detection(inside, outside)._asdict().items():
        results |= {name: value, f"{name}_interval": bounds[name]}
    return results | {
        "num_not_finite": int((~np.isfinite(inside)).sum()),
        "num_not_finite_of_others": int((~np.isfinite(outside)).sum()),
    }
