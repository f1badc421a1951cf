"""The statistics of energies, against closed forms."""

import numpy as np
import pytest
import tensorflow as tf
from scipy.special import softmax

from ebm_tf.evaluation.energy_statistics import (
    Evaluation,
    energies,
    mean_intervals,
    statistics,
    training_curves,
)
from ebm_tf.robust_objectives import divergence

NATURAL = np.array([[2.0, 0.0, -1.0], [0.5, 0.2, 0.1]], np.float32)
ATTACKED = np.array([[0.5, 1.0, -1.0], [0.1, 0.4, 0.3]], np.float32)
EVALUATION = Evaluation(NATURAL, ATTACKED, np.array([0, 2]), np.array([True, False]))


def test_golden_energies():
    found = energies(EVALUATION)
    np.testing.assert_allclose(found.marginal, [-2.169846, -1.380099], atol=1e-6)
    np.testing.assert_allclose(found.joint, [-2.0, -0.1], atol=1e-6)
    np.testing.assert_allclose(
        found.delta_marginal, [-2.169846 + 1.554957, -1.380099 + 1.372919], atol=2e-6
    )
    np.testing.assert_allclose(found.delta_joint, [-1.5, 0.2], atol=1e-6)


def test_errors_weights_and_shares():
    points = training_curves(EVALUATION)
    # The second image is wrong already: an attack that leaves it right saves nothing.
    assert points["natural_error"] == 0.5 and points["robust_error"] == 1.0
    assert points["weight_mean"] == pytest.approx((0.438986 + 0.623253) / 2, abs=1e-6)
    assert points["positive_share"] == 0.0
    assert (
        training_curves(EVALUATION._replace(natural=NATURAL - 2))["positive_share"]
        == 0.5
    )


def test_percentiles_of_a_known_distribution():
    energy = np.arange(101.0)  # one class: E(x) = E(x, y) = -logit
    evaluation = Evaluation(
        -energy[:, None],
        np.zeros([101, 1]),
        np.zeros(101, np.int64),
        np.zeros(101, bool),
    )
    points = training_curves(evaluation)
    for name in ("marginal", "joint", "delta_marginal", "delta_joint"):
        assert points[f"{name}_mean"] == pytest.approx(50)
        for percentile in (5, 25, 50, 75, 95):
            assert points[f"{name}_{percentile:02d}"] == pytest.approx(percentile)
    assert points["natural_error"] == points["robust_error"] == 0


def test_huge_energies_stay_finite():
    points = training_curves(EVALUATION._replace(natural=1e6 * NATURAL))
    assert all(np.isfinite(value) for value in points.values())


def test_logits_that_are_no_numbers_are_errors():
    nan = np.full([2, 2], np.nan, np.float32)
    evaluation = Evaluation(nan, nan, np.array([0, 1]), np.array([False, False]))
    assert evaluation.natural_errors.all() and evaluation.robust_errors.all()


def test_the_divergence_is_a_conditional_and_a_marginal_term():
    """KL(p || p*) = E_{k ~ p}[E(x*, k) - E(x, k)] + E(x) - E(x*)."""
    draw = np.random.default_rng(0)
    natural, attacked = draw.normal(scale=3.0, size=[2, 20, 4]).astype(np.float32)
    nowhere = np.zeros(20, bool)
    of_classes = [
        energies(Evaluation(natural, attacked, np.full(20, k), nowhere))
        for k in range(4)
    ]
    shares = softmax(natural.astype(np.float64), axis=1)
    conditional = -sum(shares[:, k] * of.delta_joint for k, of in enumerate(of_classes))
    found = divergence(tf.constant(natural), tf.constant(attacked))
    expected = conditional + of_classes[0].delta_marginal
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)


def test_columns_hold_both_ends_of_the_differences():
    columns = energies(EVALUATION).columns()
    swapped = Evaluation(ATTACKED, NATURAL, *EVALUATION[2:])
    np.testing.assert_allclose(
        columns["attacked_marginal"], energies(swapped).marginal, atol=1e-12
    )
    np.testing.assert_allclose(columns["attacked_joint"], [-0.5, -0.3], atol=1e-6)
    assert len(columns) == 6


def test_only_right_answers_can_be_fooled():
    labels, broken = np.array([0, 2, 0]), np.array([True, True, False])
    logits = np.concatenate([NATURAL, NATURAL[:1]])
    evaluation = Evaluation(logits, logits, labels, broken)
    assert evaluation.fooled.tolist() == [True, False, False]


def test_energies_that_are_no_numbers_are_known():
    attacked = np.where([[True], [False]], ATTACKED, np.float32("nan"))
    found = energies(EVALUATION._replace(attacked=attacked))
    assert found.finite.tolist() == [True, False]


HOW = {"num_draws": 2000, "seed": 3}


def test_statistics_are_those_of_the_chosen():
    values = np.arange(101.0)
    chosen = values > 50
    found = statistics({"some": values, "less": -values}, chosen, **HOW)
    assert found is not None and found["num_images"] == 50
    some = found["some"]
    assert some["mean"] == pytest.approx(75.5)
    assert some["stddev"] == pytest.approx(values[51:].std(ddof=1))
    assert list(some["percentiles"]) == ["5", "25", "50", "75", "95"]
    assert some["percentiles"]["50"] == pytest.approx(75.5)
    low, high = some["mean_interval"]
    # About 1.96 standard errors to either side.
    error = some["stddev"] / np.sqrt(50)
    assert low == pytest.approx(75.5 - 1.96 * error, abs=0.3 * error)
    assert high == pytest.approx(75.5 + 1.96 * error, abs=0.3 * error)
    # Of the same draws: a sign turns the interval round.
    assert found["less"]["mean_interval"] == pytest.approx([-high, -low])
    assert statistics({"some": values}, values > 99, **HOW) is None


def test_an_interval_goes_with_its_values():
    values = np.random.default_rng(1).normal(size=[30, 2])
    (low, high), constant = mean_intervals(values * [1.0, 0.0], **HOW)
    moved = mean_intervals(2.0 * values + 5.0, **HOW)[0]
    np.testing.assert_allclose(moved, [2.0 * low + 5.0, 2.0 * high + 5.0])
    assert constant.tolist() == [0.0, 0.0]
