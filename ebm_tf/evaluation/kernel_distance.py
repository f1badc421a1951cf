"""Kernel distance (KID) between two samples of feature vectors."""

from typing import NamedTuple

import numpy as np


class KernelDistance(NamedTuple):
    """A kernel distance as the mean over random subsets.

    Attributes:
      value: mean of the unbiased estimates; it may be below 0.
      stderr: standard deviation of the estimates / sqrt(num_subsets): how much another
        seed would change `value`, an estimate of `squared_mmd` of the whole samples.
        Subsets share vectors, so other samples would change it more. It is 0 where
        every subset is the whole sample.
      subset_size: vectors in a subset of each sample.
    """

    value: float
    stderr: float
    subset_size: int


def kernel_distance(
    first: np.ndarray,
    second: np.ndarray,
    *,
    subset_size: int = 1000,
    num_subsets: int = 100,
    seed: int,
) -> KernelDistance:
    """The kernel distance (Bińkowski et al., 2018, section 4).

    Args:
      first: features [m, d].
      second: features [n, d].
      subset_size: vectors in a subset, at least 2; no more are taken than the smaller
        sample has.
      num_subsets: pairs of subsets, at least 2. A subset is drawn without replacement
        and independently of all others.
      seed: which subsets are drawn.
    """
    generator = np.random.default_rng(seed)
    subset_size = min(subset_size, len(first), len(second))

    def subset(sample: np.ndarray) -> np.ndarray:
        return sample[generator.choice(len(sample), subset_size, replace=False)]

    values = [squared_mmd(subset(first), subset(second)) for _ in range(num_subsets)]
    stderr = np.std(values, ddof=1) / np.sqrt(num_subsets)
    return KernelDistance(float(np.mean(values)), float(stderr), subset_size)


def squared_mmd(first: np.ndarray, second: np.ndarray) -> float:
    """The unbiased estimate of the squared maximum mean discrepancy.

    Gretton et al. (2012), eq. 3, with the kernel of Bińkowski et al. (2018), eq. 4. It
    holds the kernel between all pairs in memory.

    Args:
      first: [m, d], m at least 2.
      second: [n, d], n at least 2.
    """
    first = np.asarray(first, np.float64)
    second = np.asarray(second, np.float64)
    within = _mean_of_pairs(first) + _mean_of_pairs(second)
    return float(within - 2.0 * _cubic_kernel(first, second).mean())


def _cubic_kernel(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """(x.y / d + 1)^3 of all pairs, [m, n]."""
    return (first @ second.T / first.shape[1] + 1.0) ** 3


def _mean_of_pairs(sample: np.ndarray) -> float:
    """The mean kernel of two different vectors of a sample."""
    kernel = _cubic_kernel(sample, sample)
    np.fill_diagonal(kernel, 0.0)
    return kernel.sum() / (len(sample) * (len(sample) - 1))
