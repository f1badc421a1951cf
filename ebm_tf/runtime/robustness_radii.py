"""The smallest radius that breaks each image."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np

# (name, positions [m], radii [m] in 255ths) -> bool [m], whether each image breaks.
BreaksFn = Callable[[str, np.ndarray, np.ndarray], np.ndarray]


def radii_of_breaking(
    breaks: BreaksFn,
    right: np.ndarray,
    radii: Sequence[float],
    known: Mapping[float, np.ndarray],
) -> np.ndarray:
    """The first of several radii at which each image breaks.

    An image that a small ball has broken is broken in every larger one, so it is not
    attacked again.

    Args:
      breaks: attacks images.
      right: bool [n], whether the natural images are classified rightly.
      radii: in 255ths, rising from above 0.
      known: bool [n] for radii at which all that are right were attacked before.

    Returns:
      float64 [n]: 0 where the natural image is misclassified, infinite where no radius
      broke it.
    """
    breaking = np.where(right, np.inf, 0.0)
    for radius in radii:
        chosen = np.flatnonzero(np.isinf(breaking))
        if radius in known:
            broken = known[radius][chosen]
        else:
            broken = breaks(f"radius_{radius}", chosen, np.full(len(chosen), radius))
        breaking[chosen[broken]] = radius
    return breaking


def bisected(
    breaks: BreaksFn,
    breaking: np.ndarray,
    radii: Sequence[float],
    num_bisections: int,
) -> np.ndarray:
    """The smallest radius that breaks each image, by halving what is between two.

    Args:
      breaks: attacks images.
      breaking: [n], of `radii_of_breaking`.
      radii: the radii that it was found among.
      num_bisections: halvings for each image.

    Returns:
      float64 [n], a radius that breaks each image, at most the given one; those of 0
      and infinity stay.
    """
    high = breaking.copy()
    below = np.array([0.0, *radii])
    chosen = np.flatnonzero((breaking > 0) & np.isfinite(breaking))
    low = np.zeros_like(high)
    low[chosen] = below[np.searchsorted(below, high[chosen]) - 1]
    for step in range(num_bisections):
        middle = 0.5 * (low[chosen] + high[chosen])
        broken = breaks(f"bisection_{step}", chosen, middle)
        high[chosen[broken]] = middle[broken]
        low[chosen[~broken]] = middle[~broken]
    return high
