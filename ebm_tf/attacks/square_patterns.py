"""The windows of the Square attack, and the patterns that it fills them with."""

import math

import numpy as np
import tensorflow as tf

# The share of pixels that a window covers, as a factor of the first one, by the index
# of the query from which it holds (Andriushchenko et al., 2020, section 4.1, for
# 10,000 queries; AutoAttack keeps it for 5,000).
FIRST_QUERIES = (0, 11, 51, 201, 501, 1001, 2001, 4001, 6001, 8001)


def share(index: int, first: float) -> float:
    """The share of pixels in the window of a query, counted from 0."""
    halvings = sum(index >= query for query in FIRST_QUERIES) - 1
    return first / 2**halvings


def linf_sides(num_queries: int, first: float, height: int, width: int) -> list[int]:
    """The sides of the square windows of all queries."""
    areas = (share(index, first) * height * width for index in range(num_queries))
    most = min(height, width)
    return [min(max(round(math.sqrt(area)), 1), most) for area in areas]


def l2_sides(num_queries: int, first: float, height: int, width: int) -> list[int]:
    """The same for l2, where sides are odd, and 3 at least where images allow."""
    most = min(height, width)
    most -= 1 - most % 2
    sides = linf_sides(num_queries, first, height, width)
    return [min(max(side + 1 - side % 2, 3), most) for side in sides]


def bump(height: int, width: int) -> np.ndarray:
    """A pyramid [height, width] that falls off from the middle.

    At a pixel which is k steps from the middle, along the farther axis, it is the sum
    of 1 / (j + 1)^2 for j from k to half of the longer side.

    Source: Andriushchenko et al. (2020), eq. 2.
    """
    rows = np.abs(np.arange(height) - height // 2)[:, None]
    columns = np.abs(np.arange(width) - width // 2)[None, :]
    steps = np.maximum(rows, columns)
    terms = 1.0 / np.arange(1, max(height, width) // 2 + 2) ** 2
    tails = np.cumsum(terms[::-1])[::-1]
    return tails[steps]


def dipole(side: int) -> np.ndarray:
    """A bump over a negative bump, float32 [side, side] of Euclidean norm 1."""
    pattern = np.zeros([side, side])
    upper = side // 2
    for rows, sign in ((slice(0, upper), 1.0), (slice(upper, side), -1.0)):
        half = bump(rows.stop - rows.start, side) if rows.stop > rows.start else 0.0
        pattern[rows] = sign * half / max(np.linalg.norm(half), 1e-12)
    return (pattern / np.linalg.norm(pattern)).astype(np.float32)


def dipoles(sides: list[int], height: int, width: int) -> np.ndarray:
    """Dipoles of sides, and each turned, at the upper left of [s, 2, height, width]."""
    table = np.zeros([len(sides), 2, height, width], np.float32)
    for entry, side in enumerate(sides):
        table[entry, 0, :side, :side] = dipole(side)
        table[entry, 1, :side, :side] = dipole(side).T
    return table


def tiles(height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """A grid of dipoles over the whole image, five by five where it is large enough.

    Returns:
      The grid and the same with every dipole turned, float32 [2, height, width]; and
      for each pixel the number of its tile, int32 [height, width], 0 where the grid
      does not reach and the pattern is 0.
    """
    side = max(min(height, width) // 5, 1)
    rows, columns = min(5, height // side), min(5, width // side)
    top, left = (height - rows * side) // 2, (width - columns * side) // 2
    inside = np.s_[top : top + rows * side, left : left + columns * side]
    grid = np.zeros([2, height, width], np.float32)
    for entry, pattern in enumerate((dipole(side), dipole(side).T)):
        grid[entry][inside] = np.tile(pattern, (rows, columns))
    numbers = np.zeros([height, width], np.int32)
    order = np.arange(rows * columns, dtype=np.int32).reshape(rows, columns)
    numbers[inside] = np.kron(order, np.ones([side, side], np.int32))
    return grid, numbers


def window(corner: tf.Tensor, side: tf.Tensor, height: int, width: int) -> tf.Tensor:
    """1 in squares of images and 0 elsewhere, float32 [n, height, width, 1].

    Args:
      corner: int32 [n, 2], row and column of the upper left pixel.
      side: int32 scalar.
      height: of the images.
      width: of the images.
    """
    inside = []
    for axis, length in enumerate((height, width)):
        offset = tf.range(length)[None, :] - corner[:, axis, None]
        inside.append((offset >= 0) & (offset < side))
    both = inside[0][:, :, None] & inside[1][:, None, :]
    return tf.cast(both, tf.float32)[..., None]


def placed(patterns: tf.Tensor, corner: tf.Tensor) -> tf.Tensor:
    """Patterns [n, height, width] moved down and right, with 0 where they left.

    Args:
      patterns: float32, at the upper left.
      corner: int32 [n, 2], where their upper left pixel goes.

    Returns:
      float32 [n, height, width, 1].
    """
    moved = patterns
    for axis in (0, 1):
        offset = tf.range(patterns.shape[1 + axis])[None, :] - corner[:, axis, None]
        source = tf.maximum(offset, 0)
        moved = tf.gather(moved, source, axis=1 + axis, batch_dims=1)
        shown = tf.cast(offset >= 0, tf.float32)
        moved *= shown[:, :, None] if axis == 0 else shown[:, None, :]
    return moved[..., None]
