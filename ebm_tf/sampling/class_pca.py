"""The principal components of the images of each class, decomposed once and kept."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import scipy.linalg

from ebm_tf.runtime.kept import kept, short_hash
from ebm_tf.sampling.initialization import ClassGaussians

# Variances below this share of the largest are what rounding left of 0.
ROUNDING = 1e-10


class Components(NamedTuple):
    """The principal components of some vectors.

    Attributes:
      mean: float32 [D].
      variances: float64 [r], the unbiased ones along the components, falling.
      directions: float32 [r, D], of length 1.
    """

    mean: np.ndarray
    variances: np.ndarray
    directions: np.ndarray


def components(vectors: np.ndarray) -> Components:
    """All components of vectors [n, D], n > 1, whose variance is not 0.

    The smaller of the two matrices of inner products is decomposed.
    """
    num, size = vectors.shape
    mean = vectors.mean(0, dtype=np.float64)
    centred = vectors - mean
    if num > size:
        variances, columns = scipy.linalg.eigh(centred.T @ centred / (num - 1))
        directions = columns.T
    else:
        variances, columns = scipy.linalg.eigh(centred @ centred.T / (num - 1))
        directions = columns.T @ centred
    kept = np.flatnonzero(variances > ROUNDING * variances[-1])[::-1]
    directions = directions[kept]
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    return Components(
        mean.astype(np.float32), variances[kept], directions.astype(np.float32)
    )


def num_retained(variances: np.ndarray, retained: float) -> int:
    """How many components come before the one at which the share is reached.

    Args:
      variances: [r], falling.
      retained: the share of their sum. The component that crosses it is left out, as
        in the program of Mirza et al. (2024); with 1 none is.
    """
    if retained >= 1:
        return len(variances)
    shares = np.cumsum(variances) / np.sum(variances)
    return int(np.searchsorted(shares, retained))


def kept_components(vectors: np.ndarray, stem: str) -> Components:
    """`components`, read from a file where these very vectors were decomposed before.

    Args:
      vectors: [n, D].
      stem: what the path of the file begins with; a digest of the vectors ends it.
    """
    digest = short_hash(np.ascontiguousarray(vectors).tobytes())
    return kept(f"{stem}_{digest}.npz", Components, lambda: components(vectors))


def gaussians(
    parts: Sequence[Components],
    *,
    retained: float,
    num_components: int | None,
    temperature: float,
) -> ClassGaussians:
    """Normal distributions along the main components of each class.

    Args:
      parts: of each class.
      retained: as in `num_retained`.
      num_components: so many in place of that, if not None.
      temperature: factor of the standard deviations.
    """
    counts = [
        min(num_components or num_retained(own.variances, retained), len(own.variances))
        for own in parts
    ]
    rank = max([1, *counts])
    factors = []
    for own, count in zip(parts, counts, strict=True):
        deviations = temperature * np.sqrt(own.variances[:count])
        rows = deviations[:, None] * own.directions[:count]
        factors.append(np.pad(rows, ((0, rank - count), (0, 0))))
    means = np.array([own.mean for own in parts])
    return ClassGaussians(means, np.array(factors, np.float32))
