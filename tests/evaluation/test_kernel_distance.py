"""Kernel distance: sums by hand, laws of U-statistics, another implementation."""

import fractions
import itertools

import numpy as np
import pytest
from sklearn.metrics.pairwise import polynomial_kernel

from ebm_tf.evaluation.kernel_distance import kernel_distance, squared_mmd


def features(count, size, *, seed, shift=0.0):
    return np.random.default_rng(seed).normal(size=(count, size)) + shift


def exact(first, second):
    """The definition as a double loop over integers, with exact fractions."""

    def mean(pairs):
        pairs = list(pairs)
        total = sum(
            (
                fractions.Fraction(
                    sum(a * b for a, b in zip(x, y, strict=True)), len(x)
                )
                + 1
            )
            ** 3
            for x, y in pairs
        )
        return total / len(pairs)

    return (
        mean(itertools.permutations(first, 2))
        + mean(itertools.permutations(second, 2))
        - 2 * mean(itertools.product(first, second))
    )


@pytest.mark.parametrize(
    ("first", "second", "value"),
    [
        # k(0, 1) = 1, k(2, 3) = 343, between them 1, 1, 27 and 64.
        ([[0], [1]], [[2], [3]], 1 + 343 - 2 * 93 / 4),
        # Of orthogonal vectors only the 1 of the kernel remains.
        ([[1, 0], [0, 1]], [[0, 0], [0, 0]], 0.0),
        # k = (1 / 2 + 1)^3 within the first sample.
        ([[1, 0], [1, 0]], [[0, 1], [0, 0]], 27 / 8 + 1 - 2),
        # Without the diagonal a sample has a distance below 0 from itself.
        ([[0], [1]], [[0], [1]], 1 + 1 - 2 * (1 + 1 + 1 + 8) / 4),
    ],
)
def test_sums_by_hand(first, second, value):
    assert exact(first, second) == value
    assert squared_mmd(np.array(first), np.array(second)) == pytest.approx(value)


@pytest.mark.parametrize(("m", "n", "size"), [(2, 2, 1), (3, 5, 2), (7, 4, 5)])
def test_equality_with_exact_fractions(m, n, size):
    generator = np.random.default_rng(m)
    first = generator.integers(-4, 5, size=(m, size))
    second = generator.integers(-2, 7, size=(n, size))
    expected = float(exact(first.tolist(), second.tolist()))
    assert squared_mmd(first, second) == pytest.approx(expected, rel=1e-12, abs=1e-12)
    assert squared_mmd(second, first) == pytest.approx(expected, rel=1e-12, abs=1e-12)


def test_equality_with_another_implementation():
    first, second = features(40, 16, seed=0), features(30, 16, seed=1, shift=0.3)

    def kernel(x, y):
        return polynomial_kernel(x, y, degree=3, gamma=None, coef0=1)

    def within(x):
        matrix = kernel(x, x)
        return (matrix.sum() - np.trace(matrix)) / (len(x) * (len(x) - 1))

    expected = within(first) + within(second) - 2 * kernel(first, second).mean()
    assert squared_mmd(first, second) == pytest.approx(expected, rel=1e-12)


def test_subsets_estimate_the_whole_without_bias():
    first, second = features(5, 3, seed=2), features(6, 3, seed=3, shift=1.0)
    estimates = [
        squared_mmd(first[list(some)], second[list(others)])
        for some in itertools.combinations(range(5), 3)
        for others in itertools.combinations(range(6), 3)
    ]
    assert np.mean(estimates) == pytest.approx(squared_mmd(first, second), rel=1e-12)


def test_two_halves_of_one_population_have_mean_distance_zero():
    population = features(6, 3, seed=4)
    everything = set(range(6))
    estimates = [
        squared_mmd(population[list(half)], population[list(everything - set(half))])
        for half in itertools.combinations(range(6), 3)
    ]
    assert np.mean(estimates) == pytest.approx(0.0, abs=1e-12)
    assert np.min(estimates) < -0.01


def test_the_distance_of_normal_distributions():
    # E (x.y + 1)^3 for x ~ N(a, 1), y ~ N(b, 1) in one dimension, with
    # E x^2 = a^2 + 1 and E x^3 = a^3 + 3 a.
    def mean_kernel(a, b):
        cubes = (a**3 + 3 * a) * (b**3 + 3 * b)
        return cubes + 3 * (a**2 + 1) * (b**2 + 1) + 3 * a * b + 1

    expected = mean_kernel(0, 0) + mean_kernel(1, 1) - 2 * mean_kernel(0, 1)
    estimates = [
        squared_mmd(
            features(200, 1, seed=i), features(200, 1, seed=-i - 1 + 2**32, shift=1)
        )
        for i in range(100)
    ]
    error = np.std(estimates) / np.sqrt(len(estimates))
    assert np.mean(estimates) == pytest.approx(expected, abs=4 * error)
    assert error < 0.1 * expected


def test_the_stderr_is_that_of_choosing_subsets():
    first, second = features(60, 4, seed=5), features(50, 4, seed=6, shift=0.2)
    results = [
        kernel_distance(first, second, subset_size=10, num_subsets=20, seed=seed)
        for seed in range(200)
    ]
    values = np.array([result.value for result in results])
    stderr = np.sqrt(np.mean([result.stderr**2 for result in results]))
    assert stderr == pytest.approx(values.std(ddof=1), rel=0.2)
    whole = squared_mmd(first, second)
    assert values.mean() == pytest.approx(whole, abs=4 * stderr / np.sqrt(200))


def test_subsets_are_not_larger_than_the_smaller_sample():
    first, second = features(12, 3, seed=7), features(30, 3, seed=8)
    result = kernel_distance(first, second, num_subsets=5, seed=0)
    assert result.subset_size == 12
    assert result.stderr > 0
    same = kernel_distance(first, second[:12], num_subsets=5, seed=0)
    assert same.value == pytest.approx(squared_mmd(first, second[:12]), rel=1e-12)
    assert same.stderr == pytest.approx(0.0, abs=1e-12)


def test_a_seed_decides():
    first, second = features(40, 3, seed=9), features(40, 3, seed=10)

    def measured(seed):
        return kernel_distance(first, second, subset_size=8, num_subsets=4, seed=seed)

    assert measured(1) == measured(1) != measured(2)
