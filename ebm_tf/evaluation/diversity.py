"""How different the samples of a class are from one another."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from scipy.spatial.distance import pdist

MOST_OF_A_CLASS = 500


def spreads(vectors: np.ndarray, labels: np.ndarray) -> dict[int, float]:
    """The mean Euclidean distance of pairs of vectors of each class.

    Args:
      vectors: [n, d].
      labels: integers [n]; of each class the first 500 are taken. A class of fewer
        than two has no spread.
    """
    found = {}
    for label in np.unique(labels).tolist():
        own = vectors[labels == label][:MOST_OF_A_CLASS]
        if len(own) > 1:
            found[label] = float(pdist(own.astype(np.float64)).mean())
    return found


def diversity(
    vectors: np.ndarray, labels: np.ndarray, real: Mapping[int, float]
) -> dict[str, Any]:
    """The spread of samples of each class over that of real images of it.

    Args:
      vectors: features [n, d] of samples.
      labels: integers [n], theirs.
      real: the spreads of real images, by their features.

    Returns:
      `diversity`, the mean over classes: 0 where all samples of a class are the same,
      about 1 where they differ as real images do; and `diversity_by_class`.
    """
    own = spreads(vectors, labels)
    shares = {
        str(label): own[label] / real[label]
        for label in own
        if real.get(label, 0.0) > 0
    }
    mean = float(np.mean(list(shares.values()))) if shares else None
    return {"diversity": mean, "diversity_by_class": shares}
