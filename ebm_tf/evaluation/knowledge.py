"""All figures of what a classifier knows, with noise of one deviation on the images."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from ebm_tf.config.analysis import TEST, Analysis
from ebm_tf.evaluation.calibration import (
    Bins,
    before_and_after,
    expected_error,
    is_at_bound,
    right_answers,
)
from ebm_tf.evaluation.out_of_distribution import metrics
from ebm_tf.evaluation.robustness import accuracy
from ebm_tf.evaluation.scores import SCORES, ScoreFn
from ebm_tf.runtime import seeds
from ebm_tf.runtime.seeds import Purpose

VALIDATION = "validation"

# What the figures stand for.
MEANINGS = {
    "noise": "standard deviation of normal noise that is added to all images, in units "
    "of pixels in [-1, 1]; they are not clipped",
    "accuracy": "fraction of right answers; 95 % interval of Wilson",
    "temperature": "that logits are divided by, of the least negative log likelihood "
    "of the validation images",
    "calibration": "errors are fractions, by equal bins of max p(y|x), likelihoods in "
    "nats; 95 % interval of the basic bootstrap; if_calibrated is the error of as many "
    "answers that are right as often as these confidences say",
    "out_of_distribution": "fractions, test images are the positives; 95 % intervals "
    "of the percentile bootstrap over both sets, where [1, 1] is no certainty; scores "
    "that are no numbers count against the classifier",
    **SCORES,
}


class Level(NamedTuple):
    """What was measured with noise of one standard deviation.

    Attributes:
      results: the figures.
      diagrams: titles and bins of reliability diagrams.
      scores: of each set of images, by name, the logits and, but for the validation
        images, every score.
    """

    results: dict[str, Any]
    diagrams: list[tuple[str, Bins]]
    scores: dict[str, dict[str, np.ndarray]]

    @property
    def of_sets(self) -> dict[str, dict[str, np.ndarray]]:
        """The scores of the test images and of the other sets, in this order."""
        return {n: scores for n, scores in self.scores.items() if n != VALIDATION}


def measured(
    config: Analysis,
    score: ScoreFn,
    noise: float,
    images: Mapping[str, np.ndarray],
    labels: Mapping[str, np.ndarray],
) -> Level:
    """Measures accuracy, calibration and detection.

    Args:
      config: of the measurement.
      score: scores a set of images.
      noise: standard deviation.
      images: float32 [n, H, W, C] of each set: the test images, the validation images
        and the others.
      labels: int64 [n], of the first two.

    Raises:
      WeightsError: if the classifier gives no finite logits.
    """
    scores = {name: score(name, values, noise) for name, values in images.items()}
    answers = {name: (scores[name]["logits"], labels[name]) for name in labels}
    seed = seeds.integer(config.seed, Purpose.STATISTICS)
    draws = {"num_draws": config.num_draws, "seed": seed}
    calibrated, diagrams = before_and_after(
        answers[VALIDATION], answers[TEST], num_bins=config.num_bins, **draws
    )
    results = {
        "noise": noise,
        **accuracy("accuracy", right_answers(*answers[TEST])),
        "calibration": calibrated,
        "out_of_distribution": {
            name: _detected(scores[TEST], scores[name], draws)
            for name in images
            if name not in labels
        },
    }
    titles = [
        (f"noise {noise:g}, {title}: ECE {expected_error(bins):.3f}", bins)
        for title, bins in diagrams.items()
    ]
    return Level(results, titles, scores)


def _detected(
    inside: Mapping[str, np.ndarray],
    outside: Mapping[str, np.ndarray],
    draws: Mapping[str, int],
) -> dict[str, dict[str, Any]]:
    """The metrics of each score."""
    return {kind: metrics(inside[kind], outside[kind], **draws) for kind in SCORES}


def lines(level: Level) -> Iterator[str]:
    """The main figures, for people."""
    results = level.results
    calibrated, error = results["calibration"], "expected_calibration_error"
    yield f"noise {results['noise']:g}: accuracy {_with_interval(results, 'accuracy')}"
    yield (
        f"  calibration error {_with_interval(calibrated['before'], error)}; with "
        f"temperature {calibrated['temperature']:.3f} "
        f"{_with_interval(calibrated['after'], error)}"
    )
    for other, by_score in results["out_of_distribution"].items():
        found = (f"{kind} {by_score[kind]['auroc']:.3f}" for kind in SCORES)
        yield f"  AUROC against {other}: {', '.join(found)}"


def _with_interval(results: Mapping[str, Any], name: str) -> str:
    low, high = results[f"{name}_interval"]
    return f"{results[name]:.3f} ({low:.3f} to {high:.3f})"


def warnings(levels: Sequence[Level]) -> Iterator[str]:
    """Reasons not to believe figures, as sentences."""
    for level in levels:
        where = f"with noise {level.results['noise']:g}"
        calibrated = level.results["calibration"]
        if is_at_bound(calibrated["temperature"]):
            yield (
                f"The temperature {where} is at the end of its range: "
                f"{calibrated['num_validation']} validation images do not determine it."
            )
        for name, scores in level.scores.items():
            for kind, values in scores.items():
                finite = np.isfinite(values.reshape(len(values), -1)).min(axis=-1)
                number = int((~finite).sum())
                if number:
                    yield (
                        f"Of {len(values)} images of {name} {number} have {kind} that "
                        f"is not finite, {where}."
                    )


def arrays(levels: Sequence[Level]) -> dict[str, np.ndarray]:
    """All scores and logits, under NOISE/SET/SCORE."""
    return {
        f"noise_{level.results['noise']:g}/{name}/{kind}": values
        for level in levels
        for name, scores in level.scores.items()
        for kind, values in scores.items()
    }
