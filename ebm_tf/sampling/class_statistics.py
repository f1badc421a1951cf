"""What a classifier says of the images of each class: means to be generated towards."""

from typing import NamedTuple

import numpy as np

from ebm_tf.errors import DataError

# Added to the diagonal of covariances before they are inverted (Mirza et al., 2024).
RIDGE = 1e-3


class ClassStatistics(NamedTuple):
    """Statistics of the logits of the images of k classes.

    Attributes:
      energies: float32 [k], the mean of E(x, y) over the images of y.
      means: float32 [k, k], the mean logits of each class.
      precisions: float32 [k, k, k], the inverse of each class's covariance, that of
        maximum likelihood, + 0.001 I.
      counts: int64 [k], images of each class.
    """

    energies: np.ndarray
    means: np.ndarray
    precisions: np.ndarray
    counts: np.ndarray


def class_statistics(logits: np.ndarray, labels: np.ndarray) -> ClassStatistics:
    """The statistics of logits [n, k] of images with labels, integers [n].

    Raises:
      DataError: if a class has no image.
    """
    num_classes = logits.shape[1]
    counts = np.bincount(labels, minlength=num_classes)
    if missing := np.flatnonzero(counts == 0).tolist():
        raise DataError(
            f"Expected images of every class, but there are none of {missing}."
        )
    by_class = [logits[labels == c].astype(np.float64) for c in range(num_classes)]
    means = np.array([own.mean(0) for own in by_class])
    covariances = np.array([np.cov(own.T, bias=True) for own in by_class])
    precisions = np.linalg.inv(covariances + RIDGE * np.eye(num_classes))
    return ClassStatistics(
        -np.diagonal(means).astype(np.float32),
        means.astype(np.float32),
        precisions.astype(np.float32),
        counts,
    )
