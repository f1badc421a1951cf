"""Inception Score: how sure and how varied a classifier's predictions are."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy.special import entr, softmax


class PredictionSums(NamedTuple):
    """Sums over the predictions of a sample, from which its score follows.

    Attributes:
      count: number of predictions.
      probabilities: [k], sum of the probabilities of each class.
      entropy: sum of the entropies of the predictions, in nats.
    """

    count: int
    probabilities: np.ndarray
    entropy: float


class InceptionScore(NamedTuple):
    """An Inception Score over splits of a sample.

    Attributes:
      mean: mean of the scores of the splits, from 1 to the number of classes.
      stddev: their standard deviation, with the number of splits as the divisor, as it
        is published.
    """

    mean: float
    stddev: float


def prediction_sums(logits: np.ndarray) -> PredictionSums:
    """The sums over the predictions softmax(logits), [n, k]."""
    probabilities = softmax(np.asarray(logits, np.float64), axis=1)
    entropy = float(entr(probabilities).sum())
    return PredictionSums(len(logits), probabilities.sum(axis=0), entropy)


def merge(first: PredictionSums, second: PredictionSums) -> PredictionSums:
    """The sums over two samples together."""
    return PredictionSums(
        first.count + second.count,
        first.probabilities + second.probabilities,
        first.entropy + second.entropy,
    )


def inception_score(splits: Sequence[PredictionSums]) -> InceptionScore:
    """The score of a sample that is given in splits (Salimans et al., 2016, section 4).

    A split scores exp(mean of KL(p(y|x) || p(y))), where p(y) is the mean of p(y|x) in
    this split. Small splits score lower; published scores are of 10 splits of 5,000.
    """
    # The mutual information of image and class, in nats: H(y) - H(y|x).
    information = [
        entr(split.probabilities / split.count).sum() - split.entropy / split.count
        for split in splits
    ]
    scores = np.exp(information)
    return InceptionScore(float(scores.mean()), float(scores.std()))
