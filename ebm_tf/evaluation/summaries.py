"""What is kept of a set of images, however large, and how two sets compare."""

import itertools
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from ebm_tf.evaluation import frechet, inception_score
from ebm_tf.evaluation.extrapolation import extrapolated_distance
from ebm_tf.evaluation.frechet import Moments, frechet_distance
from ebm_tf.evaluation.inception_score import PredictionSums
from ebm_tf.evaluation.kernel_distance import kernel_distance
from ebm_tf.evaluation.neighbours import precision_recall

NUM_PARTS = 10
MOST_KEPT = 10_000
NUM_NEIGHBOURS = 3


class Summary(NamedTuple):
    """What is kept of the features of a set of images.

    Attributes:
      parts: moments of consecutive parts, about equally large.
      predictions: sums over the predictions of each part; none without logits.
      vectors: the first 10,000 features, float32 [m, d]; none of published moments.
    """

    parts: Sequence[Moments]
    predictions: Sequence[PredictionSums]
    vectors: np.ndarray

    @property
    def whole(self) -> Moments:
        """The moments of all parts together."""
        return list(itertools.accumulate(self.parts, frechet.merge))[-1]


def published(moments: Moments) -> Summary:
    """What is known where only moments were published."""
    return Summary([moments], [], np.zeros([0, len(moments.mean)], np.float32))


def summarize(
    features: Iterable[tuple[np.ndarray, np.ndarray]],
    total: int,
    num_parts: int = NUM_PARTS,
) -> Summary:
    """Summarizes vectors [n, d] and logits [n, k] as they come.

    Args:
      features: pieces of any size.
      total: vectors in all pieces, at least 2.
      num_parts: at most; a part has at least 2 vectors.
    """
    num_parts = min(num_parts, total // 2)
    parts: list[Moments] = []
    predictions: list[PredictionSums] = []
    kept: list[np.ndarray] = []
    seen = 0
    for vectors, logits in features:
        if seen < MOST_KEPT:  # even an empty slice would keep the whole piece
            kept.append(vectors[: MOST_KEPT - seen])
        for part, rows in _rows_of_parts(seen, len(vectors), total, num_parts):
            _add(parts, part, frechet.moments(vectors[rows]), frechet.merge)
            if logits.shape[1]:
                sums = inception_score.prediction_sums(logits[rows])
                _add(predictions, part, sums, inception_score.merge)
        seen += len(vectors)
    return Summary(parts, predictions, np.concatenate(kept))


def _rows_of_parts(seen: int, count: int, total: int, num_parts: int):
    """Which rows of a piece belong to which part."""
    numbers = (np.arange(seen, seen + count) * num_parts) // total
    for part in np.unique(numbers):
        where = np.flatnonzero(numbers == part)
        yield int(part), slice(where[0], where[-1] + 1)


def _add(parts: list, index: int, value: Any, merge) -> None:
    if index == len(parts):
        parts.append(value)
    else:
        parts[index] = merge(parts[index], value)


def compare(samples: Summary, reference: Summary, seed: int) -> dict[str, Any]:
    """All figures of samples against a reference.

    Args:
      samples: with vectors.
      reference: without vectors (published moments), what needs them is None.
      seed: which subsets the kernel distance draws.

    Returns:
      `fid`, `fid_extrapolated` to infinitely many samples, `fid_by_num_samples` that
      it was fitted to, `kid` and `kid_stderr`, `inception_score` and
      `inception_score_stddev`, `precision` and `recall`, and how many vectors stand
      behind each.
    """
    counts = {
        "num_samples": samples.whole.known_count,
        "num_reference": reference.whole.count,
    }
    distances = _distances(samples.parts, reference.whole)
    vectors = _by_vectors(samples, reference, seed)
    return distances | counts | vectors | _score(samples)


def _distances(parts: Sequence[Moments], reference: Moments) -> dict[str, Any]:
    if len(parts) == 1:
        distance = frechet_distance(parts[0], reference)
        return {"fid": distance, "fid_extrapolated": None, "fid_by_num_samples": None}
    line = extrapolated_distance(parts, reference)
    return {
        "fid": line.points[-1].distance,  # of all parts together
        "fid_extrapolated": line.limit,
        "fid_by_num_samples": [list(point) for point in line.points],
    }


def _by_vectors(samples: Summary, reference: Summary, seed: int) -> dict[str, Any]:
    names = ("kid", "kid_stderr", "kid_subset_size", "precision", "recall", "num_kept")
    fewest = min(len(samples.vectors), len(reference.vectors))
    if fewest <= NUM_NEIGHBOURS:
        return dict.fromkeys(names)
    kid = kernel_distance(samples.vectors, reference.vectors, seed=seed)
    shares = precision_recall(
        samples.vectors[:fewest],
        reference.vectors[:fewest],
        num_neighbours=NUM_NEIGHBOURS,
    )
    return {
        "kid": kid.value,
        "kid_stderr": kid.stderr,
        "kid_subset_size": kid.subset_size,
        "precision": shares.precision,
        "recall": shares.recall,
        "num_kept": fewest,
    }


def _score(samples: Summary) -> dict[str, Any]:
    if not samples.predictions:
        return {"inception_score": None, "inception_score_stddev": None}
    score = inception_score.inception_score(samples.predictions)
    return {
        "inception_score": score.mean,
        "inception_score_stddev": score.stddev,
    }
