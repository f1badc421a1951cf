"""Calibration against examples by hand and against predictions of known quality."""

import math

import numpy as np
import pytest
from scipy.special import log_softmax, softmax

from ebm_tf.errors import WeightsError
from ebm_tf.evaluation import calibration
from ebm_tf.evaluation.calibration import (
    before_and_after,
    binned,
    brier_score,
    confidences,
    error_if_calibrated,
    expected_error,
    expected_error_interval,
    fitted_temperature,
    is_at_bound,
    largest_error,
    negative_log_likelihood,
    right_answers,
)


def test_errors_by_hand():
    confidence = np.array([0.95, 0.91, 0.62, 0.64, 0.3])
    right = np.array([True, False, True, True, False])
    bins = binned(confidence, right, 10)
    # (0.9, 1]: 0.93 and 1/2; (0.6, 0.7]: 0.63 and 1; (0.2, 0.3]: 0.3 and 0.
    np.testing.assert_array_equal(bins.counts, [0, 0, 1, 0, 0, 0, 2, 0, 0, 2])
    assert expected_error(bins) == pytest.approx((2 * 0.43 + 2 * 0.37 + 0.3) / 5)
    assert largest_error(bins) == pytest.approx(0.43)
    assert np.isnan(bins.accuracy[0]) and bins.gaps[0] == 0.0


def test_bins_are_open_below_and_closed_above():
    edges = np.arange(21) / 20
    counts = binned(edges, np.ones(21, bool), 20).counts
    np.testing.assert_array_equal(counts, [2] + [1] * 19)  # 0 is in the first
    above = np.nextafter(edges[1:-1], 1.0) + 1e-6
    counts = binned(above, np.ones(19, bool), 20).counts
    np.testing.assert_array_equal(counts, [0] + [1] * 19)


@pytest.mark.parametrize(("confidence", "share"), [(0.9, 0.6), (0.3, 0.8), (1.0, 1.0)])
def test_a_constant_prediction_errs_by_its_distance_from_the_accuracy(
    confidence, share
):
    right = np.arange(100) < 100 * share
    bins = binned(np.full(100, confidence), right, 20)
    assert expected_error(bins) == pytest.approx(abs(confidence - share))
    assert largest_error(bins) == pytest.approx(abs(confidence - share))


def drawn(num: int, temperature: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Logits, and labels drawn from softmax(logits / temperature)."""
    generator = np.random.default_rng(seed)
    logits = generator.normal(0.0, 3.0, [num, 5])
    chances = softmax(logits / temperature, axis=-1).cumsum(-1)
    return logits, (generator.random([num, 1]) > chances).sum(-1)


def test_calibrated_predictions_have_nearly_no_error():
    logits, labels = drawn(40_000, 1.0)
    confidence, right = confidences(logits), right_answers(logits, labels)
    error = expected_error(binned(confidence, right, 20))
    floor = error_if_calibrated(confidence, 20, 50, seed=0)
    assert error < 0.01 and error == pytest.approx(floor, abs=0.003)
    # The same answers, were they called surer than they are.
    sure = binned(confidences(logits, 0.5), right, 20)
    assert expected_error(sure) > 10 * error


@pytest.mark.parametrize("temperature", [0.3, 1.0, 2.5])
def test_scaling_finds_the_temperature_of_the_labels(temperature):
    logits, labels = drawn(20_000, temperature)
    found = fitted_temperature(logits, labels)
    assert found == pytest.approx(temperature, rel=0.03) and not is_at_bound(found)
    least = negative_log_likelihood(logits, labels, found)
    for near in (0.98 * found, 1.02 * found):
        assert negative_log_likelihood(logits, labels, near) > least
    settings = {"num_bins": 20, "num_draws": 20, "seed": 0}
    figures, _ = before_and_after(
        (logits, labels), drawn(20_000, temperature, 1), **settings
    )
    if temperature != 1.0:
        for name in (
            "expected_calibration_error",
            "negative_log_likelihood",
            "brier_score",
        ):
            assert figures["after"][name] < figures["before"][name]
    assert figures["after"]["expected_calibration_error"] < 0.015


@pytest.mark.parametrize("flip", [1.0, -1.0])
def test_a_temperature_that_images_do_not_determine_is_at_a_bound(flip):
    logits = flip * np.array([[2.0, 0.0], [0.0, 3.0]])
    found = fitted_temperature(logits, np.array([0, 1]))
    assert is_at_bound(found) and (found < 1.0) == (flip > 0)


def test_scores_of_probabilities_by_hand():
    logits, labels = np.log([[0.7, 0.2, 0.1], [0.5, 0.25, 0.25]]), np.array([0, 2])
    expected = -(math.log(0.7) + math.log(0.25)) / 2
    assert negative_log_likelihood(logits, labels) == pytest.approx(expected)
    expected = (0.09 + 0.04 + 0.01 + 0.25 + 0.0625 + 0.5625) / 2
    assert brier_score(logits, labels) == pytest.approx(expected)
    by_root = np.sqrt([0.7, 0.2, 0.1])
    assert confidences(logits[:1], 2.0) == pytest.approx(0.7**0.5 / by_root.sum())
    # Large logits neither overflow nor lose the label.
    assert negative_log_likelihood(1e4 * logits, labels) == pytest.approx(
        -log_softmax(1e4 * logits, -1)[[0, 1], labels].mean()
    )


def test_shifted_logits_are_the_same_predictions():
    logits, labels = drawn(200, 1.0)
    settings = {"num_bins": 20, "num_draws": 5, "seed": 0}
    figures, _ = calibration.calibration(logits, labels, **settings)
    shifted, _ = calibration.calibration(logits + 7.0, labels, **settings)
    for name, value in figures.items():
        assert value == pytest.approx(shifted[name]), name


@pytest.mark.parametrize("bias", [0.0, 0.03, 0.1])
def test_intervals_hold_the_true_error(bias):
    """Among 40 samples; of percentiles of draws none does where the error is small."""
    generator, held, settings = np.random.default_rng(1), 0, (20, 100, 0)
    for _ in range(40):
        confidence = generator.uniform(0.2, 1.0, 1000)
        right = generator.random(1000) < confidence - bias
        low, high = expected_error_interval(confidence, right, *settings)
        held += low <= bias <= high
        assert 0.0 <= low <= high
    assert held >= (10 if bias == 0.0 else 33)


def test_intervals_are_of_the_seed():
    logits, labels = drawn(300, 2.0)
    given = confidences(logits), right_answers(logits, labels), 20, 50
    first, again, other = (expected_error_interval(*given, seed) for seed in (3, 3, 4))
    assert first == again != other


def test_what_is_not_finite_is_an_error_and_left_out():
    logits, labels = drawn(100, 1.0)
    logits[:10, 0] = np.nan
    logits[10, 2] = np.inf
    assert not right_answers(logits, labels)[:11].any()
    assert np.isnan(confidences(logits)[:11]).all()
    settings = {"num_bins": 20, "num_draws": 5, "seed": 0}
    found = before_and_after((logits, labels), (logits, labels), **settings)
    kept = logits[11:], labels[11:]
    assert found[0] == before_and_after(kept, kept, **settings)[0]
    assert found[0]["num_images"] == 89
    with pytest.raises(WeightsError, match="no finite logits for any of 10 images"):
        before_and_after((logits[:10], labels[:10]), kept, **settings)
