"""The Fréchet distance that infinitely many samples would have."""

import itertools
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from ebm_tf.evaluation.frechet import Moments, frechet_distance, merge


class Point(NamedTuple):
    """The distance of a sample of `count` vectors."""

    count: int
    distance: float


class Extrapolation(NamedTuple):
    """A straight line in 1 / count through measured distances.

    Attributes:
      limit: the distance of infinitely many samples.
      points: what it was fitted to.
    """

    limit: float
    points: tuple[Point, ...]


def extrapolate(points: Sequence[Point]) -> Extrapolation:
    """Fits distance = limit + slope / count to points by least squares.

    The bias of the Fréchet distance is proportional to 1 / count to first order (Chong
    and Forsyth, 2020, section 3), so counts should be well above the dimension.

    Args:
      points: at least two, of different counts.
    """
    inverses = np.array([1.0 / point.count for point in points])
    distances = np.array([point.distance for point in points])
    _, limit = np.polyfit(inverses, distances, 1)
    return Extrapolation(float(limit), tuple(points))


def extrapolated_distance(
    parts: Sequence[Moments], reference: Moments
) -> Extrapolation:
    """Extrapolates the distance of a sample that is given in parts.

    The points are the first part, the first two together, and so on to the whole
    sample. They share vectors, so their errors are correlated, and their scatter about
    the line is no measure of the error of the limit. Only the bias by the size of the
    sample is removed, not that by the size of the reference.

    Args:
      parts: moments of disjoint parts of a sample, about equally large; at least two.
        Each costs a distance.
      reference: moments of what it is compared with.
    """
    together = itertools.accumulate(parts, merge)
    return extrapolate(
        [Point(m.known_count, frechet_distance(m, reference)) for m in together]
    )
