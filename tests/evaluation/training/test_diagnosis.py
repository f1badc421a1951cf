"""Correlations of energy differences and gradient norms."""

import numpy as np
import pytest

from ebm_tf.evaluation.training.diagnosis import diagnose

ENERGY = [1.0, -2.0, 3.0, -1.0, 0.5]
GRADIENT = [2.0, 1.0, 4.0, 3.0, 5.0]
CROSS = [
    *(0.18107149, -0.36214298, 0.63375022, -0.54321448, 0.63375022),
    *(-0.45267873, -0.04526787, 0.0, -0.04526787),
]
ENERGY_AUTO = [1.0, -0.75409836, 0.42622951, -0.13114754, 0.03278689]
GRADIENT_AUTO = [1.25, 0.0, 0.125, -0.5, -0.25]


def test_golden_values():
    result = diagnose(np.array(ENERGY), np.array(GRADIENT))
    np.testing.assert_array_equal(result.lags, range(-4, 5))
    np.testing.assert_allclose(result.cross, CROSS, atol=1e-8)
    np.testing.assert_allclose(result.energy, ENERGY_AUTO, atol=1e-8)
    np.testing.assert_allclose(result.gradient, GRADIENT_AUTO, atol=1e-8)


def test_positive_lags_are_energies_after_gradients():
    gradient = np.random.default_rng(0).normal(size=400)
    energy = np.roll(gradient, 3)  # follows the gradient by three updates
    result = diagnose(energy, gradient)
    assert result.lags[np.argmax(result.cross)] == 3


@pytest.mark.parametrize(("count", "most"), [(2, 1), (15, 14), (16, 15), (300, 15)])
def test_the_largest_lag(count, most):
    records = np.random.default_rng(1).normal(size=(2, count))
    result = diagnose(*records)
    assert result.lags.tolist() == list(range(-most, most + 1))
    assert len(result.cross) == 2 * most + 1
    assert len(result.energy) == len(result.gradient) == most + 1
    assert result.energy[0] == pytest.approx(1.0)
    assert result.gradient[0] == pytest.approx(count / (count - 1))


def test_scales_and_the_level_of_the_gradient_do_not_matter():
    first = diagnose(np.array(ENERGY), np.array(GRADIENT))
    second = diagnose(1e3 * np.array(ENERGY), 7.0 + 1e-3 * np.array(GRADIENT))
    for before, after in zip(first, second, strict=True):
        np.testing.assert_allclose(after, before, atol=1e-9)


def test_a_record_that_does_not_vary_correlates_with_nothing():
    result = diagnose(np.zeros(6), np.full(6, 2.0))
    for correlations in result[1:]:
        np.testing.assert_array_equal(correlations, np.zeros_like(correlations))
