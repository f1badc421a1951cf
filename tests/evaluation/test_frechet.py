"""The Fréchet distance: closed forms, invariances, and SciPy's matrix root."""

import itertools

import numpy as np
import pytest
import scipy.linalg

from ebm_tf.evaluation.frechet import frechet_distance, from_covariance, merge, moments


def sample(n, size, *, seed, shift=0.0):
    generator = np.random.default_rng(seed)
    mixing = generator.normal(size=(size, size))
    return generator.normal(size=(n, size)) @ mixing + shift


SQUARE = np.array([(0, 0), (2, 0), (0, 2), (2, 2)])


@pytest.mark.parametrize(
    ("first", "second", "distance"),
    [
        (
            from_covariance([0, 0], np.eye(2)),
            from_covariance([3, 4], 4 * np.eye(2)),
            27.0,
        ),
        (
            from_covariance([0, 0], [[2, 1], [1, 2]]),
            from_covariance([0, 0], np.diag([1, 3])),
            0.5166852,
        ),
        (moments(SQUARE), moments(2 * SQUARE + 1), 10.6666667),
        (moments(SQUARE), moments(SQUARE), 0.0),
        (from_covariance([1], [[9.0]]), from_covariance([3], [[4.0]]), 5.0),
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


def test_moments_of_unknown_count_are_compared_but_not_merged():
    whole = moments(SQUARE)
    published = from_covariance(whole.mean, whole.covariance)
    assert published.count is None
    assert frechet_distance(published, whole) == pytest.approx(0.0, abs=1e-12)
    for pair in ((published, whole), (whole, published)):
        with pytest.raises(ValueError, match="known count"):
            merge(*pair)


def test_a_given_covariance_merges_like_the_sample_that_it_came_from():
    first, second = sample(20, 3, seed=10), sample(30, 3, seed=11, shift=2.0)
    given = from_covariance(first.mean(0), np.cov(first, rowvar=False), 20)
    merged, whole = merge(given, moments(second)), moments(np.vstack([first, second]))
    assert merged.count == 50
    np.testing.assert_allclose(merged.mean, whole.mean, rtol=1e-12)
    np.testing.assert_allclose(merged.covariance, whole.covariance, rtol=1e-9)


def root_trace_of_samples(first, second):
    """tr (C1 C2)^(1/2) from the centred samples, without covariances.

    The eigenvalues of X^T X Y^T Y are the squared singular values of X Y^T.
    """
    pair = [(x - x.mean(0)) / np.sqrt(len(x) - 1) for x in (first, second)]
    return np.linalg.norm(pair[0] @ pair[1].T, "nuc")


@pytest.mark.parametrize("counts", [(2, 2), (2, 5), (5, 40), (40, 5), (64, 63)])
def test_samples_smaller_than_the_dimension(counts):
    first = sample(counts[0], 64, seed=8)
    second = sample(counts[1], 64, seed=9, shift=0.5)
    difference = first.mean(0) - second.mean(0)
    variances = first.var(0, ddof=1).sum() + second.var(0, ddof=1).sum()
    expected = difference @ difference + variances
    expected -= 2 * root_trace_of_samples(first, second)
    distance = frechet_distance(moments(first), moments(second))
    assert distance == pytest.approx(expected, rel=1e-9)
    assert frechet_distance(moments(second), moments(first)) == pytest.approx(
        distance, rel=1e-9
    )


def test_a_covariance_that_rounding_made_indefinite():
    first, second = sample(20, 64, seed=14), sample(40, 64, seed=15)
    exact = moments(first), moments(second)
    rounded = [
        from_covariance(some.mean, some.covariance.astype(np.float32)) for some in exact
    ]
    assert np.linalg.eigvalsh(rounded[0].covariance)[0] < -1e-8
    assert frechet_distance(*rounded) == pytest.approx(
        frechet_distance(*exact), rel=1e-4
    )


def test_fewer_samples_than_dimensions_do_not_lose_digits():
    features = sample(100, 256, seed=12)
    whole = moments(features)
    assert 0.0 <= frechet_distance(whole, whole) <= 1e-12 * np.trace(whole.covariance)


@pytest.mark.parametrize(
    ("first", "second", "distance"),
    [
        # Variances in directions that the other has none in.
        (np.diag([4.0, 0, 0]), np.diag([0, 9.0, 1.0]), 14.0),
        (np.diag([4.0, 0, 1.0]), np.diag([9.0, 1.0, 0]), 3.0),
        (np.zeros([3, 3]), np.zeros([3, 3]), 0.0),
        (np.zeros([3, 3]), np.eye(3), 3.0),
        # Scales are far apart.
        (np.diag([1e-8, 1.0, 1e4]), np.diag([1.0, 1e4, 1e-8]), 19801.97980002),
        (np.ones([3, 3]), np.ones([3, 3]), 0.0),
    ],
)
def test_closed_forms_of_singular_covariances(first, second, distance):
    zero = np.zeros(3)
    pair = from_covariance(zero, first), from_covariance(zero, second)
    assert frechet_distance(*pair) == pytest.approx(distance, abs=1e-12, rel=1e-12)
    assert frechet_distance(*reversed(pair)) == pytest.approx(
        distance, abs=1e-12, rel=1e-12
    )


def test_commuting_covariances_in_any_basis():
    generator = np.random.default_rng(13)
    basis = np.linalg.qr(generator.normal(size=(32, 32)))[0]
    first, second = generator.exponential(size=(2, 32)) ** 3
    first[:8] = 0.0
    distance = frechet_distance(
        from_covariance(np.zeros(32), basis * first @ basis.T),
        from_covariance(np.ones(32), basis * second @ basis.T),
    )
    expected = 32.0 + np.sum((np.sqrt(first) - np.sqrt(second)) ** 2)
    assert distance == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("seed", range(5))
def test_never_below_zero(seed):
    some = moments(sample(10 + 20 * seed, 30, seed=seed))
    assert frechet_distance(some, some) >= 0.0
    near = from_covariance(some.mean + 1e-9, some.covariance * (1 + 1e-12))
    assert frechet_distance(some, near) >= 0.0


def test_what_is_not_finite_shows():
    broken = from_covariance([np.nan, 0.0], np.eye(2))
    assert np.isnan(frechet_distance(broken, moments(SQUARE)))


def test_a_sample_without_variance():
    point = moments(np.full([3, 2], 5.0))
    other = moments(SQUARE)  # its variance is 4 / 3 in each direction
    assert frechet_distance(point, other) == pytest.approx(32 + 8 / 3)
