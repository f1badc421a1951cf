"""The projection onto a hyperplane in the box, against solvers of other kinds."""

import numpy as np
import pytest
import tensorflow as tf
from scipy.optimize import brentq, linprog

from ebm_tf.attacks.fab import displacement

CASES = 40


def random_problems(num_pixels=7, key=0):
    """Points, normals and residuals that the box can meet."""
    rng = np.random.default_rng(key)
    points = rng.uniform(-1, 1, [CASES, num_pixels])
    points[rng.random(points.shape) < 0.2] = 1.0  # some are at a wall already
    scales = 10.0 ** rng.uniform(-4, 4, [CASES, 1])
    normals = scales * rng.normal(size=[CASES, num_pixels])
    normals[rng.random(normals.shape) < 0.2] = 0.0
    goals = rng.uniform(-1, 1, [CASES, num_pixels])
    residuals = np.sum(normals * (goals - points), 1)
    return points, normals, residuals


def solved(points, normals, residuals, norm):
    points, normals, residuals = (
        tf.constant(array, tf.float32) for array in (points, normals, residuals)
    )
    return displacement(points, normals, residuals, norm).numpy()


def least_linf(point, normal, residual):
    """A linear program in (d, t): minimal t with |d| <= t."""
    n = len(point)
    sides = np.block([[np.eye(n), -np.ones([n, 1])], [-np.eye(n), -np.ones([n, 1])]])
    result = linprog(
        np.r_[np.zeros(n), 1.0],
        A_ub=sides,
        b_ub=np.zeros(2 * n),
        A_eq=np.r_[normal, 0.0][None],
        b_eq=[residual],
        bounds=[(-1 - x, 1 - x) for x in point] + [(0, None)],
    )
    assert result.status == 0
    return result.x[-1]


def least_l2(point, normal, residual):
    """By the dual: d = clip(multiplier * normal), with the root of the residual."""

    def way(multiplier):
        return np.clip(multiplier * normal, -1 - point, 1 - point)

    least = 1e-9 + 2.0 / np.min(np.abs(normal[normal != 0]))
    multiplier = brentq(lambda m: normal @ way(m) - residual, -least, least)
    return np.linalg.norm(way(multiplier))


@pytest.mark.parametrize("norm", ["linf", "l2"])
@pytest.mark.parametrize("num_pixels", [1, 2, 7])
def test_the_shortest_way_is_found(norm, num_pixels):
    points, normals, residuals = random_problems(num_pixels)
    ways = solved(points, normals, residuals, norm)
    scales = np.abs(normals).max(1)
    gained = np.sum(ways * normals, 1)
    # Where all of a normal is 0 there is nothing to gain.
    np.testing.assert_allclose(gained, residuals, atol=3e-6 * max(scales.max(), 1))
    for case in np.flatnonzero(scales):
        problem = (
            points[case],
            normals[case] / scales[case],
            residuals[case] / scales[case],
        )
        exact = (least_linf if norm == "linf" else least_l2)(*problem)
        order = np.inf if norm == "linf" else 2
        assert np.linalg.norm(ways[case], order) == pytest.approx(exact, abs=2e-5)
        assert ways[case] @ problem[1] == pytest.approx(problem[2], abs=1e-5)


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_the_box_is_never_left(norm):
    points, normals, residuals = random_problems(30, key=1)
    for factor in (1.0, 3.0, 1e8):
        moved = points + solved(points, normals, factor * residuals, norm)
        assert np.abs(moved).max() <= 1 + 1e-6


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_an_unreachable_hyperplane_leads_to_its_nearest_corner(norm):
    points, normals, _ = random_problems(9, key=2)
    for sign in (1.0, -1.0):
        ways = solved(points, normals, np.full(CASES, sign * 1e9), norm)
        corners = np.where(normals == 0, points, sign * np.sign(normals))
        np.testing.assert_allclose(points + ways, corners, atol=1e-6)


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_no_residual_and_no_normal_move_nothing(norm):
    points, normals, residuals = random_problems(9, key=3)
    assert not solved(points, normals, 0 * residuals, norm).any()
    assert not solved(points, 0 * normals, residuals, norm).any()


def test_many_pixels_are_as_exact():
    rng = np.random.default_rng(4)
    points = rng.uniform(-1, 1, [3, 3072])
    normals = rng.normal(size=[3, 3072]) ** 3
    residuals = np.array([5.0, -300.0, 0.01])
    for norm in ("linf", "l2"):
        ways = solved(points, normals, residuals, norm).astype(np.float64)
        np.testing.assert_allclose(np.sum(ways * normals, 1), residuals, rtol=2e-4)
