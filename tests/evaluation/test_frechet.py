"""The Fréchet distance: closed forms, invariances, and SciPy's matrix root."""

import itertools

import numpy as np
import pytest
import scipy.linalg

from ebm_tf.evaluation.frechet import Moments, frechet_distance, merge, moments


def normal(mean, covariance):
    """Moments whose covariance is exactly the given one."""
    return Moments(2, np.asarray(mean, float), np.asarray(covariance, float))


def sample(n, size, *, seed, shift=0.0):
    generator = np.random.default_rng(seed)
    mixing = generator.normal(size=(size, size))
    return generator.normal(size=(n, size)) @ mixing + shift


SQUARE = np.array([(0, 0), (2, 0), (0, 2), (2, 2)])


@pytest.mark.parametrize(
    ("first", "second", "distance"),
    [
        (normal([0, 0], np.eye(2)), normal([3, 4], 4 * np.eye(2)), 27.0),
        (
            normal([0, 0], [[2, 1], [1, 2]]),
            normal([0, 0], np.diag([1, 3])),
            0.5166852,
        ),
        (moments(SQUARE), moments(2 * SQUARE + 1), 10.6666667),
        (moments(SQUARE), moments(SQUARE), 0.0),
        (normal([1], [[9.0]]), normal([3], [[4.0]]), 5.0),
    ],
)
def test_closed_forms(first, second, distance):
    assert frechet_distance(first, second) == pytest.approx(distance, abs=1e-7)
    assert frechet_distance(second, first) == pytest.approx(distance, abs=1e-7)


def test_moments_are_those_of_numpy():
    features = sample(40, 5, seed=1, shift=3.0)
    result = moments(features.astype(np.float32))
    assert result.count == 40 and result.mean.dtype == np.float64
    np.testing.assert_allclose(result.mean, features.mean(0), rtol=1e-6)
    np.testing.assert_allclose(
        result.covariance, np.cov(features, rowvar=False), rtol=1e-5, atol=1e-6
    )


@pytest.mark.parametrize("size", [1, 3, 16, 64])
def test_agreement_with_the_matrix_root_of_scipy(size):
    first = moments(sample(4 * size, size, seed=2))
    second = moments(sample(5 * size, size, seed=3, shift=0.5))
    root = scipy.linalg.sqrtm(first.covariance @ second.covariance)
    difference = first.mean - second.mean
    expected = difference @ difference + np.trace(
        first.covariance + second.covariance - 2 * np.real(root)
    )
    assert frechet_distance(first, second) == pytest.approx(expected, rel=1e-6)


def test_invariance_under_rotation_and_shift_and_its_scaling():
    first, second = sample(60, 6, seed=4), sample(50, 6, seed=5, shift=1.0)
    rotation = np.linalg.qr(np.random.default_rng(6).normal(size=(6, 6)))[0]
    distance = frechet_distance(moments(first), moments(second))
    turned = frechet_distance(
        moments(first @ rotation - 7.0), moments(second @ rotation - 7.0)
    )
    assert turned == pytest.approx(distance, rel=1e-9)
    scaled = frechet_distance(moments(3 * first), moments(3 * second))
    assert scaled == pytest.approx(9 * distance, rel=1e-9)


def test_parts_merged_in_any_order_are_the_whole():
    features = sample(60, 4, seed=7, shift=100.0)
    parts = [moments(part) for part in np.split(features, [1, 10, 37])]
    whole = moments(features)
    for first, second, third, fourth in itertools.permutations(parts):
        for merged in (
            merge(merge(merge(first, second), third), fourth),
            merge(merge(first, second), merge(third, fourth)),
        ):
            assert merged.count == 60
            np.testing.assert_allclose(merged.mean, whole.mean, rtol=1e-12)
            np.testing.assert_allclose(merged.scatter, whole.scatter, rtol=1e-9)


@pytest.mark.parametrize("count", [2, 5])
def test_singular_covariances_give_finite_distances(count):
    first, second = sample(count, 20, seed=8), sample(count, 20, seed=9)
    distance = frechet_distance(moments(first), moments(second))
    assert np.isfinite(distance) and distance > 0
    same = frechet_distance(moments(first), moments(first))
    # Rounding enters under a square root.
    assert same == pytest.approx(0.0, abs=1e-5 * np.trace(moments(first).covariance))


def test_a_sample_without_variance():
    point = moments(np.full([3, 2], 5.0))
    other = moments(SQUARE)  # its variance is 4 / 3 in each direction
    assert frechet_distance(point, other) == pytest.approx(32 + 8 / 3)
