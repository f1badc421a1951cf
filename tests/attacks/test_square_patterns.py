"""The windows and patterns of Square: published sides and forms."""

import numpy as np
import pytest
import tensorflow as tf

from ebm_tf.attacks.square import (
    bump,
    dipole,
    dipoles,
    l2_sides,
    linf_sides,
    placed,
    share,
    tiles,
    window,
)


def test_the_published_schedule():
    first = {0: 1, 10: 1, 11: 2, 50: 2, 51: 4, 200: 4, 201: 8, 500: 8, 501: 16}
    later = {1000: 16, 1001: 32, 2000: 32, 2001: 64, 4000: 64, 4001: 128, 4999: 128}
    for index, divisor in (first | later).items():
        assert share(index, 0.8) == pytest.approx(0.8 / divisor)


def test_sides_of_published_images():
    sides = linf_sides(5000, 0.8, 32, 32)
    assert [sides[i] for i in (0, 11, 51, 201, 501, 1001, 2001, 4001)] == [
        29, 20, 14, 10, 7, 5, 4, 3,
    ]  # fmt: skip
    odd = l2_sides(5000, 0.8, 32, 32)
    assert [odd[i] for i in (0, 11, 51, 201, 501, 1001, 2001, 4001)] == [
        29, 21, 15, 11, 7, 5, 5, 3,
    ]  # fmt: skip


@pytest.mark.parametrize("shape", [(1, 1), (2, 3), (4, 4), (8, 8), (9, 30)])
def test_windows_fit_into_images(shape):
    for sides in (linf_sides(600, 0.8, *shape), l2_sides(600, 0.8, *shape)):
        assert min(sides) >= 1 and max(sides) <= min(shape)
        assert len(sides) == 600
    assert all(side % 2 for side in l2_sides(600, 0.8, *shape))


def test_a_bump_by_hand():
    tail = [1 + 1 / 4 + 1 / 9, 1 / 4 + 1 / 9, 1 / 9]
    expected = [[tail[max(abs(i - 2), abs(j - 2))] for j in range(5)] for i in range(5)]
    np.testing.assert_allclose(bump(5, 5), expected)


@pytest.mark.parametrize("side", [1, 2, 3, 5, 6, 29])
def test_a_dipole_has_two_signs_and_norm_one(side):
    pattern = dipole(side)
    assert np.linalg.norm(pattern) == pytest.approx(1, abs=1e-6)
    assert np.all(pattern[: side // 2] > 0) and np.all(pattern[side // 2 :] < 0)
    if side > 1:
        assert np.linalg.norm(pattern[: side // 2]) == pytest.approx(0.5**0.5, abs=1e-6)


@pytest.mark.parametrize("shape", [(32, 32), (8, 8), (28, 28), (3, 9), (1, 1)])
def test_tiles_are_dipoles(shape):
    grid, numbers = tiles(*shape)
    side = max(min(shape) // 5, 1)
    assert grid.shape == (2, *shape) and numbers.shape == shape
    for number in range(numbers.max() + 1):
        rows, columns = np.nonzero((numbers == number) & (grid[0] != 0))
        inside = np.s_[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
        np.testing.assert_array_equal(grid[0][inside], dipole(side))
        np.testing.assert_array_equal(grid[1][inside], dipole(side).T)
    assert numbers.max() + 1 == min(5, shape[0] // side) * min(5, shape[1] // side)


def test_windows_and_patterns_lie_where_they_are_put():
    corner = tf.constant([[0, 0], [2, 5], [5, 1]])
    shown = window(corner, tf.constant(3), 8, 9)[..., 0].numpy()
    table = dipoles([3, 5], 8, 9)
    turned = tf.constant(table)[0, 1]
    moved = placed(tf.stack([turned] * 3), corner)[..., 0].numpy()
    for image, (row, column) in enumerate(corner.numpy()):
        inside = np.s_[row : row + 3, column : column + 3]
        expected = np.zeros([8, 9])
        expected[inside] = 1
        np.testing.assert_array_equal(shown[image], expected)
        expected[inside] = dipole(3).T
        np.testing.assert_array_equal(moved[image], expected.astype(np.float32))
