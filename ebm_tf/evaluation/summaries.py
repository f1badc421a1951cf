"""What is kept of a set of images, however large, and how two sets compare."""

import functools
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from ebm_tf.config.fid import distance_name, kernel_name
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
        return functools.reduce(frechet.merge, self.parts)


def published(moments: Moments) -> Summary:
    """What is known where only moments were published."""
    return Summary([moments], [], np.zeros([0, len(moments.mean)], np.float32))


def few_references(count: int | None, num_dimensions: int) -> list[str]:
    """A reason not to believe distances, as a sentence, where references are few.

    The covariance of no more vectors than dimensions is singular: so many of their
    directions look as if nothing varied there.

    Args:
      count: of the vectors of the reference; None where it is not known.
      num_dimensions: theirs.
    """
    if count is None or count > num_dimensions:
        return []
    return [
        f"The reference has {count:,} images for features of {num_dimensions:,} "
        "dimensions: such distances are far too large, and compare only with those to "
        "the same few images."
    ]


def summarize(
    features: Iterable[tuple[np.ndarray, np.ndarray]],
    total: int,
    num_parts: int = NUM_PARTS,
) -> Summary:
    """Summarizes vectors [n, d] and logits [n, k] as they come.

    Args:
      features: chunks of any size.
      total: vectors in all chunks, at least 2.
      num_parts: at most; a part has at least 2 vectors.
    """
    num_parts = min(num_parts, total // 2)
    parts: list[Moments] = []
    predictions: list[PredictionSums] = []
    kept: list[np.ndarray] = []
    seen = 0
    for vectors, logits in features:
        if seen < MOST_KEPT:  # even an empty slice would keep the whole chunk
            kept.append(vectors[: MOST_KEPT - seen])
        numbers = np.arange(seen, seen + len(vectors)) * num_parts // total
        for part in np.unique(numbers):
            rows = numbers == part
            _add(parts, part, frechet.moments(vectors[rows]), frechet.merge)
            if logits.shape[1]:
                sums = inception_score.prediction_sums(logits[rows])
                _add(predictions, part, sums, inception_score.merge)
        seen += len(vectors)
    return Summary(parts, predictions, np.concatenate(kept))


def _add(parts: list, index: int, value: Any, merge: Callable) -> None:
    if index == len(parts):
        parts.append(value)
    else:
        parts[index] = merge(parts[index], value)


def compare(
    samples: Summary, reference: Summary, features: str, seed: int
) -> dict[str, Any]:
    """All metrics of samples against a reference.

    Args:
      samples: with vectors.
      reference: without vectors (published moments), what needs them is None.
      features: the name of the extractor, by which distances are named.
      seed: which subsets the kernel distance draws.

    Returns:
      The Fréchet distance under `distance_name`, such as `fid`, `fid_extrapolated` to
      infinitely many samples, `fid_by_num_samples` that it was fitted to; the kernel
      distance under `kernel_name`, such as `kid`, and `kid_stderr`; `inception_score`
      and `inception_score_stddev`, `precision` and `recall`, and the numbers of vectors
      that they are computed from.
    """
    whole = reference.whole
    score = (None, None)
    if samples.predictions:
        score = inception_score.inception_score(samples.predictions)
    return {
        **_distances(samples.parts, whole, distance_name(features)),
        "num_samples": samples.whole.known_count,
        "num_reference": whole.count,
        **_by_vectors(samples, reference, kernel_name(features), seed),
        "inception_score": score[0],
        "inception_score_stddev": score[1],
    }


def _distances(
    parts: Sequence[Moments], reference: Moments, name: str
) -> dict[str, Any]:
    names = (name, f"{name}_extrapolated", f"{name}_by_num_samples")
    if len(parts) == 1:
        distance = frechet_distance(parts[0], reference)
        return dict(zip(names, (distance, None, None), strict=True))
    line = extrapolated_distance(parts, reference)
    whole = line.points[-1].distance  # of all parts together
    points = [list(point) for point in line.points]
    return dict(zip(names, (whole, line.limit, points), strict=True))


def _by_vectors(
    samples: Summary, reference: Summary, name: str, seed: int
) -> dict[str, Any]:
    names = (name, f"{name}_stderr", f"{name}_subset_size")
    names += ("precision", "recall", "num_kept")
    fewest = min(len(samples.vectors), len(reference.vectors))
    if fewest <= NUM_NEIGHBOURS:
        return dict.fromkeys(names)
    kid = kernel_distance(samples.vectors, reference.vectors, seed=seed)
    shares = precision_recall(
        samples.vectors[:fewest],
        reference.vectors[:fewest],
        num_neighbours=NUM_NEIGHBOURS,
    )
    return dict(zip(names, (*kid, *shares, fewest), strict=True))
