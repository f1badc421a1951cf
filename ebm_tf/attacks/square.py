"""Square: random search by windows of an image, which takes no gradient.

Every query changes one window of each image, which shrinks by and by, and what raises
the margin is kept. In an l-infinity ball the window gets one colour at its surface; in
an l2 ball it gets a pattern whose length is taken from another window.

Source: Andriushchenko et al. (2020), "Square Attack".
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from ebm_tf import keyed_noise
from ebm_tf.attacks import balls, losses
from ebm_tf.attacks.outcomes import Outcome, attacked, errs, merged, natural
from ebm_tf.attacks.rounds import InRounds, Rows, Search, num_blocks, steps_of
from ebm_tf.config.attacks import Ball
from ebm_tf.kernels import Kernel, iterate
from ebm_tf.protocols import Attacked, Classifier

FIRST_SHARE = 0.8  # p, of the pixels in the first window
# The share of pixels that a window covers, as a factor of the first one, by the index
# of the query from which it holds (section 4.1, for 10,000 queries; AutoAttack keeps
# it for 5,000).
FIRST_QUERIES = (0, 11, 51, 201, 501, 1001, 2001, 4001, 6001, 8001)
BLOCK = 50  # queries of a segment, whose numbers are drawn together


def square(classifier: Classifier, ball: Ball, *, num_queries: int) -> InRounds:
    """Random search by squares; each image stops when it is broken.

    Without gradients and steps of ascent, the diagnostics of both are 0.

    Args:
      classifier: what is attacked.
      ball: whose norm is meant; radii come with the images.
      num_queries: forward evaluations, but for that of the natural image.
    """

    def first(rows: Rows) -> tuple[Outcome, tf.Tensor]:
        start = natural(rows.images, classifier(rows.images), rows.labels)
        return start, tf.zeros([rows.labels.shape[0], 0], tf.int32)

    def search(rows: Rows, targets: tf.Tensor | None, index: tf.Tensor) -> Search:
        del targets, index  # there is one round, which aims at no class
        around = balls.around(ball, rows.epsilon)
        propose = linf_proposals if ball.norm == "linf" else l2_proposals
        proposals = propose(around, rows.images, num_queries)
        return _searching(classifier, rows, proposals, num_queries - 1)

    def last(rows: Rows, best: Outcome) -> Attacked:
        del rows
        return attacked(best)

    blocks = num_blocks(num_queries - 1, BLOCK)
    return InRounds(first, search, last, 1, blocks)


class Proposals(NamedTuple):
    """What Square tries.

    Attributes:
      first: key, or one of each image -> images to begin at.
      next: (images, index, uniform numbers [n, num_draws] in [0, 1)) -> images that
        differ from the best in a window.
      num_draws: for each image.
    """

    first: Callable[[tf.Tensor], tf.Tensor]
    next: Callable[[tf.Tensor, tf.Tensor, tf.Tensor], tf.Tensor]
    num_draws: int


def _searching(
    classifier: Classifier, rows: Rows, proposals: Proposals, num_steps: int
) -> Search:
    """The search, in blocks of queries."""

    def advanced(best: Outcome, block: tf.Tensor) -> Outcome:
        start, num = steps_of(block, BLOCK, num_steps)
        shape, key = [BLOCK, proposals.num_draws], keyed_noise.part(rows.keys, 2, 1)
        drawn = keyed_noise.draws(
            keyed_noise.folded(key, block), rows.labels.shape[0], shape
        )

        def propose(images: tf.Tensor, index: tf.Tensor) -> tf.Tensor:
            return proposals.next(images, start + index, drawn[:, index])

        (best, _), _ = iterate(
            square_search(classifier, rows.labels, propose),
            *((best, tf.constant(0)), ()),
            num,
            tf.zeros([2], tf.int32),
            until=lambda state: tf.reduce_all(state[0].broken),
        )
        return best

    def opened(best: Outcome) -> Outcome:
        first = proposals.first(keyed_noise.part(rows.keys, 2, 0))
        return tried(classifier, rows.labels, best, first)

    return Search(opened, advanced, lambda _, best: best, lambda best: best.broken)


def tried(
    classifier: Classifier, labels: tf.Tensor, best: Outcome, images: tf.Tensor
) -> Outcome:
    """The best after a proposal, which is kept where it raises the margin."""
    logits, zeros = classifier(images), tf.zeros_like(best.score)
    found = Outcome(
        images=images,
        broken=errs(logits, labels),
        score=losses.margin(logits, labels),
        last_rise=zeros,
        num_gradients=zeros,
        num_zero_gradients=zeros,
        num_queries=tf.cast(~best.broken, tf.float32),
    )
    return merged(best, found)


def square_search(
    classifier: Classifier,
    labels: tf.Tensor,
    propose: Callable[[tf.Tensor, tf.Tensor], tf.Tensor],
) -> Kernel:
    """The kernel of Square.

    Args:
      classifier: what is attacked, asked for logits only.
      labels: integers [n].
      propose: (images, index of a query) -> what is tried.

    Returns:
      A kernel; its state is (best images so far, by their margins, and queries).
    """

    def step(state: tuple[Outcome, tf.Tensor], _: tf.Tensor) -> tuple[tuple, tuple]:
        best, index = state
        images = propose(best.images, index)
        return (tried(classifier, labels, best, images), index + 1), ()

    return Kernel(lambda state: (state, ()), step)


def linf_proposals(ball: balls.Ball, centers: tf.Tensor, num_queries: int) -> Proposals:
    """Vertical stripes at first, then squares of one colour, all at +-epsilon.

    Source: algorithm 2 and section 4.1.
    """
    num_images, height, width, channels = centers.shape
    epsilon = balls.per_image(ball.epsilon)
    sides = tf.constant(linf_sides(num_queries, FIRST_SHARE, height, width), tf.int32)

    def first(seed: tf.Tensor) -> tf.Tensor:
        signs = _signs(keyed_noise.draws(seed, num_images, [1, width, channels]))
        return ball.project(centers + epsilon * signs, centers)

    def following(images: tf.Tensor, index: tf.Tensor, draws: tf.Tensor) -> tf.Tensor:
        corner_draws, sign_draws = tf.split(draws, [2, channels], 1)
        side = tf.gather(sides, index)
        corner = _corners(centers, side, corner_draws)
        signs = _signs(sign_draws)[:, None, None]
        inside = window(corner, side, height, width) > 0.0
        moved = tf.where(inside, centers + epsilon * signs, images)
        return ball.project(moved, centers)

    return Proposals(first, following, 2 + channels)


def l2_proposals(ball: balls.Ball, centers: tf.Tensor, num_queries: int) -> Proposals:
    """A grid of dipoles at first; then one window's length goes to a dipole elsewhere.

    Source: algorithm 3 and section 4.2.
    """
    num_images, height, width, channels = centers.shape
    grid, numbers = tiles(height, width)
    sides = l2_sides(num_queries, FIRST_SHARE, height, width)
    distinct = sorted(set(sides))
    table = tf.constant(dipoles(distinct, height, width))
    entries = tf.constant(np.searchsorted(distinct, sides), tf.int32)

    def on_sphere(deltas: tf.Tensor) -> tf.Tensor:
        return ball.project(ball.ascend(centers, deltas, ball.epsilon), centers)

    def first(seed: tf.Tensor) -> tf.Tensor:
        sign_seed, turn_seed = keyed_noise.divided(seed, 2)
        num_tiles = int(numbers.max()) + 1
        signs = _signs(keyed_noise.draws(sign_seed, num_images, [num_tiles, channels]))
        turns = _turns(keyed_noise.draws(turn_seed, num_images, ()))
        patterns = tf.gather(tf.constant(grid), turns)
        return on_sphere(patterns[..., None] * tf.gather(signs, numbers, axis=1))

    def following(images: tf.Tensor, index: tf.Tensor, draws: tf.Tensor) -> tf.Tensor:
        corners, others, turns, signs = tf.split(draws, [2, 2, 1, channels], 1)
        entry = tf.gather(entries, index)
        side = tf.gather(tf.constant(distinct, tf.int32), entry)
        corner = _corners(centers, side, corners)
        filled = window(corner, side, height, width)
        emptied = window(_corners(centers, side, others), side, height, width)
        patterns = tf.gather(tf.gather(table, entry), _turns(turns[:, 0]))
        added = placed(patterns, corner) * _signs(signs)[:, None, None]
        return on_sphere(
            _moved_length(images - centers, added, filled, emptied, ball.epsilon)
        )

    return Proposals(first, following, 5 + channels)


def _moved_length(
    deltas: tf.Tensor,
    added: tf.Tensor,
    filled: tf.Tensor,
    emptied: tf.Tensor,
    epsilon: tf.Tensor,
) -> tf.Tensor:
    """Deltas with the length of one window given to a pattern in another.

    In each channel the window is filled by the sum of the pattern and of what was
    there, both of norm 1, scaled to the norm of both windows before and the channel's
    part of what the whole fell short of epsilon.

    Args:
      deltas: float32 [n, H, W, C], images less natural ones.
      added: patterns of norm 1 in each channel, 0 outside of the window.
      filled: 1 in the window that they fill, 0 elsewhere, [n, H, W, 1].
      emptied: the same of the window that is emptied, but for what both share.
      epsilon: float32 [n].
    """
    channels = deltas.shape[-1]
    spare = tf.reduce_sum(tf.square(deltas), balls.PIXEL_AXES, keepdims=True)
    spare = tf.maximum(balls.per_image(epsilon) ** 2 - spare, 0.0) / channels
    both = tf.square(_channel_norms(deltas * tf.maximum(filled, emptied)))
    old = deltas * filled
    filling = added + old / (_channel_norms(old) + 1e-12)
    filling *= tf.sqrt(spare + both) / (_channel_norms(filling) + 1e-12)
    kept = deltas * (1.0 - tf.maximum(filled, emptied))
    return kept + filling


def _channel_norms(deltas: tf.Tensor) -> tf.Tensor:
    return tf.sqrt(tf.reduce_sum(tf.square(deltas), [1, 2], keepdims=True))


def _corners(images: tf.Tensor, side: tf.Tensor, draws: tf.Tensor) -> tf.Tensor:
    """The upper left pixel of a window in each image, of numbers [n, 2], int32."""
    _, height, width, _ = images.shape
    last = tf.stack([height - side, width - side])
    corners = tf.cast(draws * tf.cast(last + 1, tf.float32), tf.int32)
    return tf.minimum(corners, last)


def _signs(draws: tf.Tensor) -> tf.Tensor:
    """+1 or -1, float32, of uniform numbers."""
    return tf.where(draws < 0.5, -1.0, 1.0)


def _turns(draws: tf.Tensor) -> tf.Tensor:
    """For each image whether its patterns are turned: 0 or 1, int32 [n]."""
    return tf.cast(draws < 0.5, tf.int32)


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

    Source: eq. 2.
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

    A corner, int32 [n, 2], is row and column of the upper left pixel.
    """
    inside = []
    for axis, length in enumerate((height, width)):
        offset = tf.range(length)[None, :] - corner[:, axis, None]
        inside.append((offset >= 0) & (offset < side))
    both = inside[0][:, :, None] & inside[1][:, None, :]
    return tf.cast(both, tf.float32)[..., None]


def placed(patterns: tf.Tensor, corner: tf.Tensor) -> tf.Tensor:
    """Patterns [n, height, width] moved down and right, with 0 where they left.

    Their upper left pixel goes to the corner, int32 [n, 2]; they get an axis [.., 1].
    """
    moved = patterns
    for axis in (0, 1):
        offset = tf.range(patterns.shape[1 + axis])[None, :] - corner[:, axis, None]
        source = tf.maximum(offset, 0)
        moved = tf.gather(moved, source, axis=1 + axis, batch_dims=1)
        shown = tf.cast(offset >= 0, tf.float32)
        moved *= shown[:, :, None] if axis == 0 else shown[:, None, :]
    return moved[..., None]
