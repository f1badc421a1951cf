"""The smallest radius that breaks each image."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from ebm_tf.config.robustness import RobustnessMeasurement
from ebm_tf.evaluation import robustness
from ebm_tf.evaluation.attack_phases import Phases
from ebm_tf.evaluation.batch_files import Arrays
from ebm_tf.evaluation.verdicts import Verdicts

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
    breaks: BreaksFn, breaking: np.ndarray, radii: Sequence[float], num_bisections: int
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


# PGD in balls inside that of the config, as an attack like others.
SMALLER = "pgd_smaller_radii"
KEPT = ("broken", "images", "prediction")


@dataclasses.dataclass(frozen=True, eq=False)
class ByRadius:
    """What PGD found at several radii.

    Attributes:
      radii: in 255ths, rising from above 0; that of the config is among them.
      breaking: at which of them images break.
      smallest: float64 [n], the smallest radius that broke each image, in 255ths,
        after the search for it, where there was one.
      inside: positions [m] and outcomes of the images that it broke at each radius
        that is smaller than that of the config.
    """

    radii: list[float]
    breaking: Breaking
    smallest: np.ndarray
    inside: list[tuple[np.ndarray, Arrays]]

    def arrays(self) -> Arrays:
        """The arrays of the record."""
        return {
            "radii": np.array(self.radii),
            "broken_at_radii": self.breaking.found,
            "smallest_radius": self.smallest,
        }


def by_radius(
    config: RobustnessMeasurement, phases: Phases, verdicts: Verdicts
) -> ByRadius:
    """Runs PGD at the radii of the curve, and searches for the smallest ones.

    Args:
      config: of the measurement.
      phases: of the classifier and its images.
      verdicts: in which PGD was tried in the ball of the config.
    """
    inside, epsilon = [], config.ball.epsilon
    radii = sorted({*config.curve, epsilon} - {0.0})

    def breaks(name: str, chosen: np.ndarray, balls: np.ndarray) -> np.ndarray:
        return phases.in_balls("pgd", name, chosen, balls, "broken")["broken"]

    def breaks_inside(name: str, chosen: np.ndarray, balls: np.ndarray) -> np.ndarray:
        if not np.all(balls < epsilon):
            return breaks(name, chosen, balls)
        outcome = phases.in_balls("pgd", name, chosen, balls, *KEPT)
        broken = outcome["broken"]
        rows = {name: outcome[name][broken] for name in KEPT}
        inside.append((chosen[broken], rows))
        return broken

    known = {epsilon: verdicts.broken["pgd"]}
    breaking = radii_of_breaking(breaks_inside, verdicts.right, radii, known)
    smallest = breaking.smallest
    if config.median:
        smallest = bisected(breaks, smallest, radii, config.num_bisections)
    return ByRadius(radii, breaking, smallest, inside)


def after_smaller_radii(verdicts: Verdicts, found: ByRadius) -> Verdicts:
    """The verdicts with those in smaller balls, which lie in the large one."""
    # Images leave once they are broken, so that no two radii share one.
    if not found.inside:
        return verdicts
    chosen, outcomes = zip(*found.inside, strict=True)
    outcome = {name: np.concatenate([rows[name] for rows in outcomes]) for name in KEPT}
    return verdicts.after(SMALLER, np.concatenate(chosen), outcome)


def metrics_by_radius(
    config: RobustnessMeasurement, verdicts: Verdicts, found: ByRadius
) -> dict[str, Any]:
    """The curve and the median radius, where they are asked for."""
    results, radii = {}, [0.0, *found.radii]
    if config.curve:
        smallest = found.breaking.smallest
        results["curve"] = robustness.curve(radii, smallest, verdicts.right)
    if config.median:
        results |= robustness.median_radius(found.smallest, radii[-1])
    return results
