"""Fréchet distance between normal distributions with the moments of two samples."""

from typing import NamedTuple

import numpy as np


class Moments(NamedTuple):
    """Sufficient statistics of a sample of vectors, in float64.

    Attributes:
      count: number of vectors.
      mean: [d].
      scatter: [d, d], sum of the outer products of the centred vectors.
    """

    count: int
    mean: np.ndarray
    scatter: np.ndarray

    @property
    def covariance(self) -> np.ndarray:
        """The unbiased covariance [d, d]."""
        return self.scatter / (self.count - 1)


def moments(features: np.ndarray) -> Moments:
    """The moments of feature vectors [n, d]."""
    features = np.asarray(features, np.float64)
    mean = features.mean(axis=0)
    centred = features - mean
    return Moments(len(features), mean, centred.T @ centred)


def merge(first: Moments, second: Moments) -> Moments:
    """The moments of two samples together (Chan et al., 1983)."""
    count = first.count + second.count
    step = second.mean - first.mean
    mean = first.mean + step * (second.count / count)
    between = np.outer(step, step) * (first.count * second.count / count)
    return Moments(count, mean, first.scatter + second.scatter + between)


def frechet_distance(first: Moments, second: Moments) -> float:
    """|m1 - m2|^2 + tr(C1 + C2 - 2 (C1 C2)^(1/2)) (Dowson and Landau, 1982).

    The trace of the root is the sum of the square roots of the eigenvalues of
    C1^(1/2) C2 C1^(1/2), which is symmetric, so the result is real and finite for
    singular covariances too.
    """
    values, vectors = np.linalg.eigh(first.covariance)
    root = (vectors * np.sqrt(np.maximum(values, 0.0))) @ vectors.T
    product = np.linalg.eigvalsh(root @ second.covariance @ root)
    trace_root = np.sqrt(np.maximum(product, 0.0)).sum()
    difference = first.mean - second.mean
    traces = np.trace(first.covariance) + np.trace(second.covariance)
    return float(difference @ difference + traces - 2.0 * trace_root)
