"""Which classes of a labelled dataset samples show."""

import numpy as np
from sklearn.linear_model import LogisticRegression


def class_shares(
    samples: np.ndarray, images: np.ndarray, labels: np.ndarray
) -> dict[str, float]:
    """The share of samples that a classifier of raw pixels puts into each class.

    Args:
      samples: [n, H, W, C].
      images: [m, H, W, C], on which a logistic regression is fitted.
      labels: int [m].

    Returns:
      Class label -> fraction of samples, for every class among the labels.
    """
    classifier = LogisticRegression(max_iter=2000)
    classifier.fit(images.reshape(len(images), -1), labels)
    predicted = classifier.predict(samples.reshape(len(samples), -1))
    return {
        str(label): float(np.mean(predicted == label)) for label in np.unique(labels)
    }
