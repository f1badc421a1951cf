"""Extrapolation of the Fréchet distance: exact lines, and normal samples."""

import numpy as np
import pytest

from ebm_tf.evaluation.extrapolation import Point, extrapolate, extrapolated_distance
from ebm_tf.evaluation.frechet import frechet_distance, from_covariance, moments


@pytest.mark.parametrize(("limit", "slope"), [(3.0, 500.0), (0.0, 1e5), (7.0, 0.0)])
def test_points_on_a_line(limit, slope):
    points = [Point(n, limit + slope / n) for n in (5000, 10_000, 20_000, 50_000)]
    line = extrapolate(points)
    assert line.limit == pytest.approx(limit, abs=1e-9)
    assert line.points == tuple(points)


def test_least_squares():
    points = [Point(1, 5.0), Point(2, 2.0), Point(4, 3.0)]
    design = np.array([[1, 1.0], [1, 0.5], [1, 0.25]])
    solution = np.linalg.solve(design.T @ design, design.T @ [5.0, 2.0, 3.0])
    line = extrapolate(points)
    assert line.limit == pytest.approx(solution[0], rel=1e-12)


def test_points_are_the_first_parts_together():
    generator = np.random.default_rng(0)
    sample, other = generator.normal(size=(90, 4)), generator.normal(size=(50, 4))
    reference = moments(other)
    parts = [moments(part) for part in np.split(sample, 3)]
    result = extrapolated_distance(parts, reference)
    assert [point.count for point in result.points] == [30, 60, 90]
    for count, distance in result.points:
        whole = frechet_distance(moments(sample[:count]), reference)
        assert distance == pytest.approx(whole, rel=1e-9)
    assert result == extrapolate(result.points)


def test_a_reference_of_unknown_count_will_do():
    generator = np.random.default_rng(1)
    parts = [moments(generator.normal(size=(30, 2))) for _ in range(2)]
    reference = from_covariance(np.zeros(2), np.eye(2))
    assert np.isfinite(extrapolated_distance(parts, reference).limit)


def test_normal_samples_come_nearer_to_their_distance():
    size, truth = 16, 4.0 + 16 * 0.25
    mean = np.r_[2.0, np.zeros(size - 1)]
    reference = from_covariance(mean, 1.5**2 * np.eye(size))
    raw, limits = [], []
    for seed in range(40):
        sample = np.random.default_rng(seed).normal(size=(400, size))
        parts = [moments(part) for part in np.split(sample, 5)]
        result = extrapolated_distance(parts, reference)
        raw.append(result.points[-1].distance)
        limits.append(result.limit)
    bias, rest = np.mean(raw) - truth, np.mean(limits) - truth
    error = np.std(limits) / np.sqrt(len(limits))
    assert bias > 0.05
    assert abs(rest) < 0.25 * bias
    assert abs(rest) < 3 * error


def test_the_bias_is_proportional_to_the_inverse_of_the_size():
    reference = from_covariance(np.zeros(8), np.eye(8))
    sample = np.random.default_rng(2).normal(size=(200, 400, 8))
    means = []
    for count in (100, 200, 400):
        distances = [frechet_distance(moments(x[:count]), reference) for x in sample]
        means.append(np.mean(distances) * count)
    # The mean gives d / n, the covariance d (d + 1) / 4 n to first order.
    np.testing.assert_allclose(means, 8 + 8 * 9 / 4, rtol=0.1)
