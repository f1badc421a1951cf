"""The smallest radius that breaks each image."""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

# (name, positions [m], radii [m] in 255ths) -> bool [m], whether each image breaks.
BreaksFn = Callable[[str, np.ndarray, np.ndarray], np.ndarray]


UNTRIED = -1


class Breaking(NamedTuple):
    """At which of m radii n images break.

    Attributes:
      smallest: float64 [n], the first radius that broke each image: 0 where the natural
        image is misclassified, infinite where no radius broke it.
      found: int8 [m, n], what the attack at each radius itself found: 1 where it broke
        the image, 0 where it did not, -1 where it was not tried, because the image was
        broken before.
    """

    smallest: np.ndarray
    found: np.ndarray


def radii_of_breaking(
    breaks: BreaksFn,
    right: np.ndarray,
    radii: Sequence[float],
    known: Mapping[float, np.ndarray],
) -> Breaking:
    """The first of several radii at which each image breaks.

    An image that a small ball has broken is broken in every larger one, so it is not
    attacked again.

    Args:
      breaks: attacks images.
      right: bool [n], whether the natural images are classified rightly.
      radii: in 255ths, rising from above 0.
      known: bool [n] for radii at which all that are right were attacked before.
    """
    smallest = np.where(right, np.inf, 0.0)
    found = np.full([len(radii), len(right)], UNTRIED, np.int8)
    for row, radius in enumerate(radii):
        if radius in known:
            chosen = np.flatnonzero(right)
            broken = known[radius][chosen]
        else:
            chosen = np.flatnonzero(np.isinf(smallest))
            broken = breaks(f"radius_{radius}", chosen, np.full(len(chosen), radius))
        found[row, chosen] = broken
        smallest[chosen[broken]] = np.minimum(smallest[chosen[broken]], radius)
    return Breaking(smallest, found)


def bisected(
    breaks: BreaksFn,
    breaking: np.ndarray,
    radii: Sequence[float],
    num_bisections: int,
) -> np.ndarray:
    """The smallest radius that breaks each image, by halving what is between two.

    Args:
      breaks: attacks images.
      breaking: [n], the smallest radii of `radii_of_breaking`.
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
