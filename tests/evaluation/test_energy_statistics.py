"""The statistics of energies, against closed forms."""

import numpy as np
import pytest

from ebm_tf.evaluation.energy_statistics import Evaluation, energies, training_curves

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
