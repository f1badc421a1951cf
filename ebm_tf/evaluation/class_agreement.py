"""Whether samples are of the classes that they were asked to be of."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

from ebm_tf.evaluation.neighbours import pixel_classifier
from ebm_tf.evaluation.robustness import accuracy

MOST_IMAGES = 5000
MOST_DIMENSIONS = 3072

# Who says of which class samples are: the measured classifier, and one that knows
# nothing of it.
ITSELF, INDEPENDENT = "classifier", "logistic_regression"

# Images float32 [n, H, W, C] in [-1, 1] -> classes, integers [n].
JudgeFn = Callable[[np.ndarray], np.ndarray]


class Judges(NamedTuple):
    """Classifiers that say of which class samples are.

    Attributes:
      by_name: the classifier itself, and the independent one where the data has labels
        and its images are small enough.
      test_accuracy: of each on the test images: what its word is worth.
    """

    by_name: Mapping[str, JudgeFn]
    test_accuracy: Mapping[str, float]


def judges(
    itself: JudgeFn | None,
    learning: tuple[np.ndarray, np.ndarray],
    test: tuple[np.ndarray, np.ndarray],
) -> Judges:
    """The classifier itself, and a logistic regression on pixels.

    Args:
      itself: the measured classifier; None of what does not classify.
      learning: images [n, H, W, C] and labels [n], by which the other is fitted.
      test: images and labels that neither was fitted by.
    """
    images, labels = learning
    by_name = {} if itself is None else {ITSELF: itself}
    if images[0].size <= MOST_DIMENSIONS and len(np.unique(labels[labels >= 0])) > 1:
        known = labels >= 0
        by_name[INDEPENDENT] = pixel_classifier(images[known], labels[known])
    worth = {
        name: float(np.mean(judge(test[0]) == test[1]))
        for name, judge in by_name.items()
    }
    return Judges(by_name, worth)


def class_metrics(
    judged_by: Judges, samples: np.ndarray, asked: Any, num_classes: int
) -> dict[str, Any]:
    """Of which classes samples are, by each judge.

    Args:
      judged_by: who says it.
      samples: float32 [n, H, W, C] in [-1, 1].
      asked: int [n], the classes that samples were asked to be of; () where none were.
      num_classes: of the classifier.

    Returns:
      `class_shares`, and where classes were asked for `class_agreement`, each by the
      name of the judge.
    """
    found = {name: judge(samples) for name, judge in judged_by.by_name.items()}
    shares = {
        name: {str(c): float(np.mean(said == c)) for c in range(num_classes)}
        for name, said in found.items()
    }
    if isinstance(asked, tuple):
        return {"class_shares": shares}
    agreed = {name: agreement(said, asked) for name, said in found.items()}
    return {"class_shares": shares, "class_agreement": agreed}


def agreement(said: np.ndarray, asked: np.ndarray) -> dict[str, Any]:
    """The share of classes [n] that are those asked for [n], in all and by class."""
    right = said == asked
    by_class = {str(c): float(right[asked == c].mean()) for c in np.unique(asked)}
    return {**accuracy("share", right), "by_class": by_class}
