"""Fréchet distance between normal distributions with the moments of two samples."""

import os
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf
from numpy.typing import ArrayLike
from threadpoolctl import threadpool_limits

from ebm_tf.errors import DataError
from ebm_tf.runtime.bounded_arrays import array_names, read_arrays
from ebm_tf.runtime.files import make_folder, reason, save_arrays


class Moments(NamedTuple):
    """The moments of a sample of vectors, in float64.

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
        """The number of vectors, where it is needed.

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


# Relative to the largest entry; sums in float32 differ by less.
ASYMMETRY = 1e-5
# Relative to the trace: how far below 0 rounding can bring the eigenvalues of a
# covariance that was summed in float32.
BELOW_ZERO = 1e-5
# What a file of moments holds; whatever else is in it stays unread.
_STORED = ("mu", "sigma", "count")


def save_moments(path: str, moments: Moments) -> None:
    """Writes moments to a file, whole or not at all.

    Args:
      path: of an npz file, local or in a cloud bucket; its folder is made.
      moments: their mean becomes `mu` [d], their covariance `sigma` [d, d], and the
        number of vectors `count`, which is left out where it is not known.

    Raises:
      RunError: if the file cannot be written.
    """
    count = {} if moments.count is None else {"count": moments.count}
    make_folder(os.path.dirname(path) or ".")
    save_arrays(path, mu=moments.mean, sigma=moments.covariance, **count)


def load_moments(path: str) -> Moments:
    """Reads moments from a file of this program or of another.

    Args:
      path: of an npz file with `mu` [d], `sigma` [d, d] and perhaps `count`; what else
        it holds, such as the images themselves, is not read.

    Raises:
      DataError: if the file is missing or damaged, or holds something else.
    """
    try:
        with tf.io.gfile.GFile(path, "rb") as file:
            return _checked(*_unpacked(file))
    except (tf.errors.OpError, OSError) as error:
        raise DataError(
            f"Cannot read the moments {path} ({reason(error)}): give the path of an "
            ".npz file with mu and sigma."
        ) from error
    except ValueError as error:
        raise DataError(
            f"The moments {path} cannot be used: {error} Delete the file and compute "
            "them again, or give another .npz file with mu and sigma."
        ) from error


def _unpacked(file: Any) -> tuple[dict[str, np.ndarray], list[str]]:
    """The arrays that are needed, and the names of all."""
    try:
        return read_arrays(file, _STORED), array_names(file)
    except ValueError as error:
        raise ValueError(f"it is no .npz file, or damaged ({error}).") from error


def _checked(arrays: Mapping[str, np.ndarray], names: Sequence[str]) -> Moments:
    missing = {"mu", "sigma"} - set(arrays)
    if missing:
        raise ValueError(
            f"it has no {' and no '.join(sorted(missing))}, only "
            f"{', '.join(sorted(names)) or 'nothing'}."
        )
    mean, covariance = arrays["mu"], arrays["sigma"]
    if not {mean.dtype.kind, covariance.dtype.kind} <= set("fiu"):
        raise ValueError("mu or sigma does not hold real numbers.")
    shapes = f"mu of shape {mean.shape} and sigma of shape {covariance.shape}"
    if mean.ndim != 1 or covariance.shape != (mean.size, mean.size) or not mean.size:
        raise ValueError(f"expected [d] and [d, d], got {shapes}.")
    if not (np.isfinite(mean).all() and np.isfinite(covariance).all()):
        raise ValueError("mu or sigma is not finite.")
    difference = np.abs(covariance - covariance.T).max()
    if difference > ASYMMETRY * np.abs(covariance).max():
        raise ValueError(f"sigma is not symmetric, it differs by {difference:.3g}.")
    if not _is_covariance(covariance):
        raise ValueError("sigma is no covariance, it has eigenvalues below 0.")
    return from_covariance(mean, covariance, _count(arrays))


def _is_covariance(symmetric: np.ndarray) -> bool:
    """Whether no eigenvalue of a matrix [d, d] is below 0, but for rounding.

    A Cholesky decomposition of the matrix a little larger says so, in a fraction of the
    time of its eigenvalues.
    """
    trace = float(np.trace(symmetric, dtype=float))
    if trace <= 0.0:
        return not symmetric.any()
    shifted = np.array(symmetric, float)
    shifted[np.diag_indices(len(shifted))] += BELOW_ZERO * trace
    try:
        np.linalg.cholesky(shifted)
    except np.linalg.LinAlgError:
        return False
    return True


def _count(arrays: Mapping[str, np.ndarray]) -> int | None:
    if "count" not in arrays:
        return None
    count = arrays["count"]
    if count.size != 1 or not np.issubdtype(count.dtype, np.integer) or count < 1:
        raise ValueError(f"expected count={count} to be a whole number above 0.")
    return int(count.item())
