"""Whether the probabilities of a classifier are shares of right answers.

All functions take logits in numpy and compute in float64.
"""

import math
from typing import Any, NamedTuple

import numpy as np
import scipy.optimize
from scipy.special import log_softmax

from ebm_tf.errors import WeightsError

# Logits float [n, k] and labels, integers [n].
Answers = tuple[np.ndarray, np.ndarray]

# Where the temperature is looked for.
LEAST_TEMPERATURE, MOST_TEMPERATURE = 1e-2, 1e2
_LEVELS = (0.025, 0.975)


class Bins(NamedTuple):
    """Predictions by their confidence, in b equal parts of [0, 1].

    Attributes:
      counts: int64 [b], predictions in each.
      confidence: float64 [b], their mean; NaN where there are none.
      accuracy: float64 [b], the share of right ones; NaN where there are none.
    """

    counts: np.ndarray
    confidence: np.ndarray
    accuracy: np.ndarray

    @property
    def gaps(self) -> np.ndarray:
        """|accuracy - confidence| float64 [b], 0 where there are no predictions."""
        return np.nan_to_num(np.abs(self.accuracy - self.confidence))


def probabilities(logits: np.ndarray, temperature: float = 1.0) -> np.ndarray:
    """softmax(logits / temperature), float64 [n, k]."""
    return np.exp(_log_probabilities(logits, temperature))


def confidences(logits: np.ndarray, temperature: float = 1.0) -> np.ndarray:
    """The largest probability of each image, float64 [n]; NaN of what is not finite."""
    whole = _is_finite(logits)
    found = np.full(len(logits), np.nan)
    found[whole] = probabilities(logits[whole], temperature).max(-1)
    return found


def right_answers(logits: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Whether each image is classified, and rightly, bool [n]."""
    return _is_finite(logits) & (logits.argmax(-1) == labels)


def binned(confidence: np.ndarray, right: np.ndarray, num_bins: int) -> Bins:
    """Sorts predictions into bins (a, b] of equal width.

    Args:
      confidence: float [n] in [0, 1], the probability of what was predicted.
      right: bool [n].
      num_bins: b.
    """
    places = _places(confidence, num_bins)
    counts, sums, num_right = (
        np.bincount(places, weights, num_bins) for weights in (None, confidence, right)
    )
    with np.errstate(invalid="ignore"):  # 0 / 0 of empty bins
        return Bins(counts, sums / counts, num_right / counts)


def expected_error(bins: Bins) -> float:
    """The expected calibration error: mean gap, weighted by counts (Guo et al., 2017).

    It is never below 0, so that few images and many bins raise it.
    """
    return float(bins.counts @ bins.gaps / bins.counts.sum())


def largest_error(bins: Bins) -> float:
    """The maximum calibration error: the largest gap of all bins, full or not."""
    return float(bins.gaps.max())


def expected_error_interval(
    confidence: np.ndarray, right: np.ndarray, num_bins: int, num_draws: int, seed: int
) -> list[float]:
    """A 95 % interval of the expected calibration error: [low, high].

    It is the basic bootstrap interval, 2 e - quantiles, cut at 0: the error of a draw
    exceeds that of the images about as much as theirs exceeds the true one, which the
    interval of quantiles themselves would count twice and miss. A true error of 0 is
    missed half of the time: for that compare with `error_if_calibrated`.
    """
    generator, num = np.random.default_rng(seed), len(right)
    places, gaps = _places(confidence, num_bins), right - confidence
    drawn = []
    for _ in range(num_draws):
        rows = generator.integers(0, num, num)
        drawn.append(_error(places[rows], gaps[rows], num_bins))
    low, high = np.quantile(drawn, _LEVELS)
    error = _error(places, gaps, num_bins)
    return [max(0.0, float(2 * error - high)), max(0.0, float(2 * error - low))]


def error_if_calibrated(
    confidence: np.ndarray, num_bins: int, num_draws: int, seed: int
) -> float:
    """The mean error of answers that are right as often as these confidences say.

    What is not above it says nothing against a classifier (Broecker and Smith, 2007).
    """
    generator, places = np.random.default_rng(seed), _places(confidence, num_bins)
    errors = []
    for _ in range(num_draws):
        right = generator.random(len(confidence)) < confidence
        errors.append(_error(places, right - confidence, num_bins))
    return float(np.mean(errors))


def negative_log_likelihood(
    logits: np.ndarray, labels: np.ndarray, temperature: float = 1.0
) -> float:
    """-log p(y | x) in nats, the mean over images; labels are integers [n]."""
    chosen = np.arange(len(labels)), labels
    return float(-_log_probabilities(logits, temperature)[chosen].mean())


def brier_score(
    logits: np.ndarray, labels: np.ndarray, temperature: float = 1.0
) -> float:
    """The squared distance of p(. | x) and the label, 0 to 2, the mean over images."""
    difference = probabilities(logits, temperature)
    difference[np.arange(len(labels)), labels] -= 1.0
    return float(np.square(difference).sum(-1).mean())


def fitted_temperature(logits: np.ndarray, labels: np.ndarray) -> float:
    """The temperature of the least negative log likelihood (Guo et al., 2017).

    The likelihood has one optimum. Where every answer is right it has none: then the
    result is `LEAST_TEMPERATURE`, which `is_at_bound` detects.
    """

    def loss(temperature: float) -> float:
        return negative_log_likelihood(logits, labels, temperature)

    found: Any = scipy.optimize.minimize_scalar(
        lambda log: loss(math.exp(log)),
        bounds=(math.log(LEAST_TEMPERATURE), math.log(MOST_TEMPERATURE)),
        method="bounded",
        options={"xatol": 1e-6},
    )
    # A bound first: near it the loss may be 0 to the last bit, and flat.
    return min(LEAST_TEMPERATURE, MOST_TEMPERATURE, math.exp(found.x), key=loss)


def is_at_bound(temperature: float) -> bool:
    """Whether a fitted temperature is where the search for it ends."""
    near = 1.001
    return not LEAST_TEMPERATURE * near < temperature < MOST_TEMPERATURE / near


def calibration(
    logits: np.ndarray,
    labels: np.ndarray,
    *,
    temperature: float = 1.0,
    num_bins: int,
    num_draws: int,
    seed: int,
) -> tuple[dict[str, Any], Bins]:
    """All figures of calibration at a temperature, and the bins behind them.

    Args:
      logits: finite, float [n, k].
      labels: classes, integers [n].
      temperature: that logits are divided by.
      num_bins: of the errors.
      num_draws: of the bootstrap.
      seed: of the draws.
    """
    confidence, right = confidences(logits, temperature), right_answers(logits, labels)
    bins, draws = binned(confidence, right, num_bins), (num_bins, num_draws, seed)
    return {
        "expected_calibration_error": expected_error(bins),
        "expected_calibration_error_interval": expected_error_interval(
            confidence, right, *draws
        ),
        "expected_calibration_error_if_calibrated": error_if_calibrated(
            confidence, *draws
        ),
        "maximum_calibration_error": largest_error(bins),
        "negative_log_likelihood": negative_log_likelihood(logits, labels, temperature),
        "brier_score": brier_score(logits, labels, temperature),
        "mean_confidence": float(confidence.mean()),
    }, bins


def before_and_after(
    validation: Answers, test: Answers, **settings: Any
) -> tuple[dict[str, Any], dict[str, Bins]]:
    """Calibration of test images, as it is and with a temperature fitted to others.

    Images whose logits are not finite are left out, and counted.

    Args:
      validation: logits [n, k] and labels [n], by which the temperature is fitted.
      test: others, of which everything is reported.
      **settings: num_bins, num_draws and seed of `calibration`.

    Returns:
      The figures, and bins by the names of two reliability diagrams.

    Raises:
      WeightsError: if no logits are finite.
    """
    fitting, measured = _finite(validation), _finite(test)
    temperature = fitted_temperature(*fitting)
    before, bins = calibration(*measured, **settings)
    after, scaled = calibration(*measured, temperature=temperature, **settings)
    return {
        "temperature": temperature,
        "num_images": len(measured[1]),
        "num_validation": len(fitting[1]),
        "before": before,
        "after": after,
    }, {"as it is": bins, f"temperature {temperature:.3g}": scaled}


def _finite(answers: Answers) -> Answers:
    logits, labels = answers
    kept = _is_finite(logits)
    if not kept.any():
        raise WeightsError(
            f"The classifier gives no finite logits for any of {len(kept)} images."
        )
    return logits[kept], labels[kept]


def _is_finite(logits: np.ndarray) -> np.ndarray:
    """Whether all logits of each image are, bool [n]."""
    return np.isfinite(logits).min(axis=-1)


def _log_probabilities(logits: np.ndarray, temperature: float) -> np.ndarray:
    return log_softmax(np.asarray(logits, np.float64) / temperature, axis=-1)


def _places(confidence: np.ndarray, num_bins: int) -> np.ndarray:
    """The bin of each confidence, int64 [n]."""
    # Rounded, so that 0.15 in float is the end of a bin and not in the next.
    places = np.ceil(np.round(confidence * num_bins, 9)).astype(np.int64) - 1
    return np.clip(places, 0, num_bins - 1)


def _error(places: np.ndarray, gaps: np.ndarray, num_bins: int) -> float:
    """The expected calibration error of predictions in bins, of right - confidence."""
    return float(np.abs(np.bincount(places, gaps, num_bins)).sum() / len(places))
