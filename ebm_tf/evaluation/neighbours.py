"""Improved precision and recall of samples, by nearest neighbours of features."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

CHUNK = 1000
# A squared distance below this share of the squared norms is what rounding left of 0.
ROUNDING = 1e-13


class PrecisionRecall(NamedTuple):
    """Fidelity and variety of samples.

    Attributes:
      precision: fraction of samples on the manifold of the reference.
      recall: fraction of the reference on the manifold of the samples.
    """

    precision: float
    recall: float


def precision_recall(
    samples: np.ndarray, reference: np.ndarray, *, num_neighbours: int = 3
) -> PrecisionRecall:
    """Improved precision and recall (Kynkäänniemi et al., 2019, eq. 1 and 2).

    The manifold of a set of vectors is the union of balls around them, each of which
    reaches as far as the vector's `num_neighbours`-th nearest neighbour in the set.
    Published values are of equally many samples and references. Squared distances of
    1,000 vectors to a whole set are in memory at a time.

    Args:
      samples: features [m, d], m above `num_neighbours`.
      reference: features [n, d], n above `num_neighbours`.
      num_neighbours: the larger, the larger the balls.
    """
    centre = reference.mean(axis=0, dtype=np.float64)  # less cancellation
    return PrecisionRecall(
        precision=_share_inside(samples, reference, centre, num_neighbours),
        recall=_share_inside(reference, samples, centre, num_neighbours),
    )


def _share_inside(
    points: np.ndarray, support: np.ndarray, centre: np.ndarray, num_neighbours: int
) -> float:
    """The fraction of points [m, d] on the manifold of the support [n, d]."""
    radii = np.concatenate(
        [
            # Each vector is its own neighbour number 0.
            np.partition(squares, num_neighbours, axis=1)[:, num_neighbours].copy()
            for squares in _squared_distances(support, support, centre)
        ]
    )
    inside = [
        (squares <= radii).any(axis=1)
        for squares in _squared_distances(points, support, centre)
    ]
    return float(np.concatenate(inside).mean())


def _squared_distances(
    points: np.ndarray, others: np.ndarray, centre: np.ndarray
) -> Iterator[np.ndarray]:
    """Squared distances [m, n] of some points to all others, by chunks of rows."""
    for start in range(0, len(points), CHUNK):
        rows = points[start : start + CHUNK] - centre
        squares = np.empty([len(rows), len(others)])
        for column in range(0, len(others), CHUNK):
            columns = slice(column, column + CHUNK)
            squares[:, columns] = _tile(rows, others[columns] - centre)
        yield squares


def _tile(rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """Squared distances [p, q] of vectors [p, d] to vectors [q, d]."""
    norms = np.add.outer((rows**2).sum(axis=1), (columns**2).sum(axis=1))
    squares = norms - 2.0 * (rows @ columns.T)
    return np.where(squares < ROUNDING * norms, 0.0, squares)


MOST_COMPONENTS = 64


def pixel_classifier(
    images: np.ndarray, labels: np.ndarray
) -> Callable[[np.ndarray], np.ndarray]:
    """A classifier of raw pixels, which knows nothing of any network.

    Args:
      images: [m, H, W, C], on which a logistic regression is fitted; beyond 64
        dimensions on as many principal components, which takes seconds.
      labels: int [m].

    Returns:
      Images [n, H, W, C] -> their labels [n].
    """
    vectors = images.reshape(len(images), -1)
    classifier = LogisticRegression(max_iter=2000)
    if vectors.shape[1] > MOST_COMPONENTS < len(vectors):
        classifier = make_pipeline(PCA(MOST_COMPONENTS, random_state=0), classifier)
    classifier.fit(vectors, labels)

    def predict(samples: np.ndarray) -> np.ndarray:
        return np.asarray(classifier.predict(samples.reshape(len(samples), -1)))

    return predict


def class_shares(
    samples: np.ndarray, images: np.ndarray, labels: np.ndarray
) -> dict[str, float]:
    """The share of samples that a classifier of raw pixels puts into each class.

    Args:
      samples: [n, H, W, C].
      images: [m, H, W, C], by which it is fitted as `pixel_classifier`.
      labels: int [m].

    Returns:
      Class label -> fraction of samples, for every class among the labels.
    """
    predicted = pixel_classifier(images, labels)(samples)
    return {
        str(label): float(np.mean(predicted == label)) for label in np.unique(labels)
    }
