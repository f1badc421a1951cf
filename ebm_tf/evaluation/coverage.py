"""Which classes of a labelled dataset samples show."""

import numpy as np
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

MOST_COMPONENTS = 64


def class_shares(
    samples: np.ndarray, images: np.ndarray, labels: np.ndarray
) -> dict[str, float]:
    """The share of samples that a classifier of raw pixels puts into each class.

    Args:
      samples: [n, H, W, C].
      images: [m, H, W, C], on which a logistic regression is fitted; beyond 64
        dimensions on as many principal components, which takes seconds.
      labels: int [m].

    Returns:
      Class label -> fraction of samples, for every class among the labels.
    """
    vectors = images.reshape(len(images), -1)
    classifier = LogisticRegression(max_iter=2000)
    if vectors.shape[1] > MOST_COMPONENTS < len(vectors):
        classifier = make_pipeline(PCA(MOST_COMPONENTS, random_state=0), classifier)
    classifier.fit(vectors, labels)
    predicted = classifier.predict(samples.reshape(len(samples), -1))
    return {
        str(label): float(np.mean(predicted == label)) for label in np.unique(labels)
    }
