"""Radii that are known are found, to the width of the last bracket."""

import numpy as np
import pytest

from ebm_tf.evaluation.radii import bisected, radii_of_breaking
from ebm_tf.evaluation.robustness import curve

RADII = (1.0, 2.0, 4.0, 8.0)
# The last is never broken, the first one is wrong without an attack.
TRUE = np.array([0.0, 0.3, 1.0, 1.7, 2.5, 7.99, np.inf])
RIGHT = TRUE > 0


class Breaks:
    """Images break at their own radius; it notes what was asked for."""

    def __init__(self):
        self.asked: list[tuple[str, list[int]]] = []

    def __call__(self, name, chosen, radii):
        self.asked.append((name, chosen.tolist()))
        return radii >= TRUE[chosen]


def test_the_first_radius_that_breaks():
    breaks = Breaks()
    found = radii_of_breaking(breaks, RIGHT, RADII, {})
    assert found.smallest.tolist() == [0.0, 1.0, 1.0, 2.0, 4.0, 8.0, np.inf]
    assert breaks.asked == [
        ("radius_1.0", [1, 2, 3, 4, 5, 6]),
        ("radius_2.0", [3, 4, 5, 6]),
        ("radius_4.0", [4, 5, 6]),
        ("radius_8.0", [5, 6]),
    ]


def test_what_each_radius_found_is_kept_as_it_is():
    """The attack at a known radius missed an image that a smaller ball had broken."""
    right, radii = np.array([False, True, True, True]), (1.0, 2.0, 4.0)
    known = {2.0: np.array([False, False, True, False])}
    hits = {1.0: {1}, 4.0: {3}}

    def breaks(name, chosen, balls):
        return np.array([image in hits[balls[0]] for image in chosen])

    found = radii_of_breaking(breaks, right, radii, known)
    assert found.smallest.tolist() == [0.0, 1.0, 2.0, 4.0]
    assert found.found.tolist() == [[-1, 1, 0, 0], [-1, 0, 1, 0], [-1, -1, -1, 1]]
    counted = curve([0.0, *radii], found.smallest, right)
    assert [row["accuracy"] for row in counted] == [0.75, 0.5, 0.25, 0.0]


def test_what_is_known_is_not_asked():
    breaks = Breaks()
    known = {2.0: np.array([False, True, True, True, False, False, False])}
    found = radii_of_breaking(breaks, RIGHT, RADII, known)
    assert found.smallest.tolist() == [0.0, 1.0, 1.0, 2.0, 4.0, 8.0, np.inf]
    assert [name for name, _ in breaks.asked] == [
        "radius_1.0",
        "radius_4.0",
        "radius_8.0",
    ]


@pytest.mark.parametrize("num_bisections", [1, 4, 12])
def test_halving_comes_to_the_true_radius(num_bisections):
    breaks = Breaks()
    begun = radii_of_breaking(breaks, RIGHT, RADII, {}).smallest
    found = bisected(breaks, begun, RADII, num_bisections)
    inside = np.isfinite(TRUE) & RIGHT
    width = np.array([1.0, 1.0, 1.0, 1.0, 2.0, 4.0, 1.0]) / 2**num_bisections
    assert (found[inside] >= TRUE[inside]).all()
    assert (found[inside] - TRUE[inside] <= width[inside]).all()
    assert found[0] == 0.0 and found[-1] == np.inf
    steps = [name for name, _ in breaks.asked if name.startswith("bisection")]
    assert steps == [f"bisection_{step}" for step in range(num_bisections)]


def test_nothing_to_halve():
    begun = np.array([0.0, np.inf])
    np.testing.assert_array_equal(
        bisected(lambda *_: begun[:0] > 0, begun, RADII, 3), begun
    )
