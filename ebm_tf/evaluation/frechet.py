"""Fréchet distance between normal distributions with the moments of two samples."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from threadpoolctl import threadpool_limits


class Moments(NamedTuple):
    """What a sample of vectors says about a normal distribution, in float64.

    Attributes:
      count: number of vectors; None where it is not known, as for published moments,
        which can be compared but not merged.
      mean: [d].
      covariance: [d, d], unbiased; 0 for a single vector.
    """

    count: int | None
    mean: np.ndarray
    covariance: np.ndarray

    @property
    def known_count(self) -> int:
        """The number of vectors, for what cannot do without.

        Raises:
          ValueError: if it is not known.
        """
        if self.count is None:
            raise ValueError("Expected moments with a known count of vectors.")
        return self.count

    @property
    def scatter(self) -> np.ndarray:
        """The sum of the outer products of the centred vectors, [d, d]."""
        return self.covariance * (self.known_count - 1)


def moments(features: np.ndarray) -> Moments:
    """The moments of feature vectors [n, d]."""
    features = np.asarray(features, np.float64)
    mean = features.mean(axis=0)
    centred = features - mean
    return _from_scatter(len(features), mean, centred.T @ centred)


def from_covariance(
    mean: ArrayLike, covariance: ArrayLike, count: int | None = None
) -> Moments:
    """The moments with a given mean [d] and unbiased covariance [d, d]."""
    return Moments(count, np.asarray(mean, float), np.asarray(covariance, float))


def _from_scatter(count: int, mean: np.ndarray, scatter: np.ndarray) -> Moments:
    return Moments(count, mean, scatter / max(count - 1, 1))


def merge(first: Moments, second: Moments) -> Moments:
    """The moments of two samples together (Chan et al., 1983).

    Raises:
      ValueError: if the count of one of them is not known.
    """
    count = first.known_count + second.known_count
    step = second.mean - first.mean
    mean = first.mean + step * (second.known_count / count)
    between = np.outer(step, step) * (first.known_count * second.known_count / count)
    return _from_scatter(count, mean, first.scatter + second.scatter + between)


def frechet_distance(first: Moments, second: Moments) -> float:
    """|m1 - m2|^2 + tr(C1 + C2 - 2 (C1 C2)^(1/2)) (Dowson and Landau, 1982).

    With C1 = F F^T and C2 = G G^T the eigenvalues of C1 C2 are the squares of the
    singular values of F^T G, so the trace of the root is their sum, the nuclear norm.
    It is real and finite for singular covariances too, and no precision is lost under
    a root.
    """
    # Decompositions take thousands of small steps: threads that wait for a busy core
    # in each make seconds into minutes, and a second thread saves little.
    with threadpool_limits(1, user_api="blas"):
        cross = _factor(first.covariance).T @ _factor(second.covariance)
        trace_root = np.linalg.norm(cross, "nuc")
    difference = first.mean - second.mean
    traces = np.trace(first.covariance) + np.trace(second.covariance)
    distance = difference @ difference + traces - 2.0 * trace_root
    return float(np.maximum(distance, 0.0))  # rounding may pass below 0; keeps NaN


def _factor(covariance: np.ndarray) -> np.ndarray:
    """F [d, rank] with F F^T = covariance.

    Eigenvalues that rounding alone can make, as `np.linalg.matrix_rank` judges it,
    count as 0: published covariances may have some that are negative.
    """
    values, vectors = np.linalg.eigh(covariance)
    kept = values > len(values) * np.finfo(values.dtype).eps * values[-1]
    return vectors[:, kept] * np.sqrt(values[kept])
