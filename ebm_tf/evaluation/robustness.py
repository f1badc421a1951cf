"""Metrics of attacked classifiers: accuracies with intervals, curves and radii."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

# What numbers in results mean.
UNITS = {"lengths": "255ths of the pixel range", "accuracies": "fractions"}

# The 97.5 % point of the standard normal distribution.
POINT = 1.959963984540054


def interval(num_right: float, num: int) -> list[float]:
    """The 95 % interval of a share (Wilson, 1927): [low, high].

    Unlike the normal one it stays in [0, 1] and is sound for shares near 0 and 1.
    """
    share, square = num_right / num, POINT**2
    centre = (share + square / (2 * num)) / (1 + square / num)
    spread = math.sqrt(share * (1 - share) / num + square / (4 * num**2))
    half = POINT * spread / (1 + square / num)
    low = 0.0 if num_right == 0 else centre - half
    high = 1.0 if num_right == num else centre + half
    return [low, high]


def accuracy(name: str, right: np.ndarray) -> dict[str, Any]:
    """The share of right answers, bool [n], under a name, and its interval."""
    num_right, num = int(right.sum()), len(right)
    return {name: num_right / num, f"{name}_interval": interval(num_right, num)}


def curve(
    radii: Sequence[float], breaking: np.ndarray, natural: np.ndarray
) -> list[dict[str, Any]]:
    """Accuracy at each radius, with its interval; it never rises with the radius.

    What breaks an image in a small ball lies in every larger one too, so that an image
    counts as broken from its smallest radius on, whatever an attack at a larger one
    happened to find.

    Args:
      radii: at which images were attacked.
      breaking: float [n], the smallest radius at which each image broke, infinite
        where none did.
      natural: bool [n], whether each image was right to begin with.
    """
    return [
        {"epsilon": radius, **accuracy("accuracy", natural & (breaking > radius))}
        for radius in radii
    ]


def median_radius(radii: np.ndarray, largest: float) -> dict[str, Any]:
    """The smallest radius at which half of the images are broken.

    Args:
      radii: float [n], the radius that breaks each image: 0 where it is misclassified
        as it is, infinite where nothing up to `largest` broke it.
      largest: the largest radius that was tried.

    Returns:
      `median_radius`, None where more than half of the images were never broken, so
      that it is above `largest_radius`; and how many were never broken.
    """
    ordered = np.sort(radii)
    middle = float(ordered[(len(ordered) - 1) // 2])
    return {
        "median_radius": middle if math.isfinite(middle) else None,
        "largest_radius": largest,
        "num_censored": int(np.isinf(radii).sum()),
    }
