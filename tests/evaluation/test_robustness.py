"""Intervals against another computation, curves and medians against closed forms."""

import math

import numpy as np
import pytest
from scipy.stats import binomtest

from ebm_tf.evaluation.robustness import accuracy, curve, interval, median_radius

INF = math.inf


@pytest.mark.parametrize("num", [1, 2, 7, 100, 640, 10_000])
@pytest.mark.parametrize("share", [0.0, 0.01, 0.3, 0.5, 0.9, 1.0])
def test_intervals_are_those_of_scipy(num, share):
    num_right = round(share * num)
    expected = binomtest(num_right, num).proportion_ci(0.95, method="wilson")
    found = interval(num_right, num)
    np.testing.assert_allclose(found, expected, atol=1e-12)
    assert 0.0 <= found[0] <= num_right / num <= found[1] <= 1.0


def test_intervals_mirror_and_narrow():
    for num_right in range(21):
        low, high = interval(num_right, 20)
        other_low, other_high = interval(20 - num_right, 20)
        assert (low, high) == pytest.approx((1 - other_high, 1 - other_low))
    widths = [np.diff(interval(num // 2, num))[0] for num in (10, 100, 1000, 10_000)]
    assert widths == sorted(widths, reverse=True)
    # Of large samples it is the normal one: 1.96 sqrt(p (1 - p) / n) to each side.
    assert widths[-1] == pytest.approx(2 * 1.96 * 0.5 / 100, rel=1e-3)


@pytest.mark.parametrize("share", [0.05, 0.5, 0.9])
def test_intervals_cover_the_truth(share):
    """19 times of 20, which the law of large numbers shows exactly enough."""
    draws = np.random.default_rng(0).binomial(200, share, 4000)
    covered = [low <= share <= high for low, high in (interval(k, 200) for k in draws)]
    assert np.mean(covered) == pytest.approx(0.95, abs=0.02)


def test_an_accuracy_has_its_interval():
    right = np.array([True, False, True, True])
    assert accuracy("it", right) == {"it": 0.75, "it_interval": interval(3, 4)}


def test_a_curve_falls_from_the_natural_accuracy():
    natural = np.array([True, True, True, True, False])
    breaking = np.array([1.0, 2.0, 2.0, INF, 0.0])
    rows = curve([0.0, 1.0, 2.0, 9.0], breaking, natural)
    assert [row["epsilon"] for row in rows] == [0.0, 1.0, 2.0, 9.0]
    assert [row["accuracy"] for row in rows] == [0.8, 0.6, 0.2, 0.2]
    assert rows[1]["accuracy_interval"] == interval(3, 5)


@pytest.mark.parametrize(
    ("radii", "median", "num_censored"),
    [
        ([3.0], 3.0, 0),
        ([5.0, 1.0, 3.0], 3.0, 0),
        ([1.0, 2.0, 3.0, 4.0], 2.0, 0),  # at 2 half of them are broken
        ([1.0, 2.0, INF, INF], 2.0, 2),
        ([1.0, INF, INF, 2.0, INF], None, 3),
        ([0.0, 0.0, 7.0], 0.0, 0),
        ([INF], None, 1),
    ],
)
def test_half_of_the_images_break_at_the_median(radii, median, num_censored):
    found = median_radius(np.array(radii), 8.0)
    assert found == {
        "median_radius": median,
        "largest_radius": 8.0,
        "num_censored": num_censored,
    }
    if median is not None:
        values = np.array(radii)
        assert (values <= median).mean() >= 0.5
        assert (values < median).mean() < 0.5
