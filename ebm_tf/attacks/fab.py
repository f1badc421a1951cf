"""The shortest way from a point of the pixel box to a hyperplane, inside the box."""

import math
from typing import Literal, NamedTuple

import tensorflow as tf

from ebm_tf.attacks import balls
from ebm_tf.attacks.balls import per_image
from ebm_tf.attacks.gradients import finite, is_zero, plain
from ebm_tf.attacks.losses import gap, margin
from ebm_tf.attacks.outcomes import Outcome, attacked, chosen, errs, natural
from ebm_tf.attacks.targets import likeliest_others, over_targets
from ebm_tf.config.attacks import Ball
from ebm_tf.kernels import Kernel, iterate
from ebm_tf.protocols import Ascent, AscentFn, Attacked, AttackFn, Classifier


def displacement(
    points: tf.Tensor,
    normals: tf.Tensor,
    residuals: tf.Tensor,
    norm: Literal["linf", "l2"],
) -> tf.Tensor:
    """The smallest d with normal . d = residual and point + d in [-1, 1].

    Where no point of the box lies on the hyperplane, d leads to the corner that is
    nearest to it, along the signs of the normal.

    With s the sign of normal * residual, the solution is d = s * min(t * v, c): all
    coordinates move together, at speed v = 1 for l-infinity and v = |normal| for l2,
    until each meets its wall at distance c. The length that is gained along the
    normal is concave and piecewise linear in t, with its corners at c / v; they are
    sorted, and the right t lies between two of them (Croce and Hein, 2020, "Minimally
    distorted adversarial examples", section 2.2).

    Args:
      points: float32 [n, d] in [-1, 1].
      normals: float32 [n, d].
      residuals: float32 [n].
      norm: whose length is smallest.

    Returns:
      float32 [n, d].
    """
    # On one scale, products of large or of small gradients stay finite and normal.
    largest = tf.reduce_max(tf.abs(normals), 1, keepdims=True)
    normals = tf.math.divide_no_nan(normals, largest)
    normals = tf.where(tf.abs(normals) < 1e-12, 0.0, normals)
    residuals = tf.math.divide_no_nan(residuals[:, None], largest)
    signs = tf.sign(normals) * tf.where(residuals < 0.0, -1.0, 1.0)
    rates = tf.abs(normals)
    speeds = tf.sign(rates) if norm == "linf" else rates
    walls = tf.maximum(1.0 - signs * points, 0.0)
    time = _time(rates, speeds, walls, tf.abs(residuals))
    return signs * tf.minimum(time * speeds, walls)


def _time(
    rates: tf.Tensor, speeds: tf.Tensor, walls: tf.Tensor, lengths: tf.Tensor
) -> tf.Tensor:
    """The t [n, 1] at which the sum of rates * min(t * speeds, walls) is a length.

    A t at which all coordinates stand at their walls, where none reaches the length.

    Args:
      rates: float32 [n, d] >= 0.
      speeds: float32 [n, d] >= 0, 0 where a rate is 0.
      walls: float32 [n, d] >= 0.
      lengths: float32 [n, 1] >= 0.
    """
    corners = tf.math.divide_no_nan(walls, speeds)
    order = tf.argsort(corners, axis=1)
    corners = tf.gather(corners, order, batch_dims=1)
    stopped = tf.gather(rates * walls, order, batch_dims=1)
    moving = tf.gather(rates * speeds, order, batch_dims=1)
    before = tf.cumsum(stopped, axis=1, exclusive=True)
    slopes = tf.cumsum(moving, axis=1, reverse=True)
    reached = before + corners * slopes
    # The first corner by which the length is reached; the linear piece ends there.
    piece = tf.reduce_sum(tf.cast(reached < lengths, tf.int32), 1, keepdims=True)
    piece = tf.minimum(piece, corners.shape[1] - 1)
    corner, start, slope = (
        tf.gather(values, piece, batch_dims=1) for values in (corners, before, slopes)
    )
    time = tf.math.divide_no_nan(lengths - start, slope)
    return tf.clip_by_value(time, 0.0, corner)


SEARCH_STEPS = 3
SEARCH_QUERIES = SEARCH_STEPS + 2.0  # the two ends as well
# Beyond the boundary, in natural margins, so that rounding does not undo an error.
SAFETY = 1e-3


class Segment(NamedTuple):
    """The last stretch before an error: images [n, H, W, C] and their margins [n]."""

    right: tf.Tensor
    right_margin: tf.Tensor
    wrong: tf.Tensor
    wrong_margin: tf.Tensor


def searched(
    classifier: Classifier, centers: tf.Tensor, errors: tf.Tensor, labels: tf.Tensor
) -> tf.Tensor:
    """Nearer errors, on the straight line from the centers to errors.

    Each step looks where the margin would be just above 0 if it were linear between
    the two ends, but in the farther half, where it is curved; and it takes what it
    finds for the one end or the other.

    Source: Croce and Hein (2020), the final search of their section 2.4.
    """

    def look(images: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        logits = classifier(images)
        return margin(logits, labels), errs(logits, labels)

    def step(ends: Segment, seed: tf.Tensor) -> tuple[Segment, tuple]:
        del seed
        difference = ends.wrong_margin - ends.right_margin
        part = tf.math.divide_no_nan(safety - ends.right_margin, difference)
        part = per_image(tf.clip_by_value(part, 0.5, 1.0))
        between = ends.right + part * (ends.wrong - ends.right)
        between_margin, wrong = look(between)
        wrong &= between_margin > 0.5 * safety
        return Segment(
            right=chosen(wrong, ends.right, between),
            right_margin=tf.where(wrong, ends.right_margin, between_margin),
            wrong=chosen(wrong, between, ends.wrong),
            wrong_margin=tf.where(wrong, between_margin, ends.wrong_margin),
        ), ()

    right_margin, _ = look(centers)
    safety = SAFETY * tf.abs(right_margin)
    start = Segment(centers, right_margin, errors, look(errors)[0])
    kernel = Kernel(lambda ends: (ends, ()), step)
    ends, _ = iterate(
        kernel, *kernel.init(start), SEARCH_STEPS, tf.zeros([2], tf.int32)
    )
    return ends.wrong


MOST_BIAS = 0.1  # alpha_max, towards the natural image
OVERSHOOT = 1.05  # eta, beyond the linear boundary
BACKWARD = 0.9  # beta, of the way that is kept after an error
ORDERS = {"linf": math.inf, "l2": 2}


class Boundary(NamedTuple):
    """The state of FAB.

    Attributes:
      images: float32 [n, H, W, C], where it is.
      nearest: the nearest errors so far, natural images where there is none.
      distance: float32 [n], theirs; infinite where there is none.
      broken: bool [n], whether the nearest is in the ball; it is final then.
      num_gradients: float32 [n], taken before that.
      num_zero_gradients: float32 [n], of these exactly 0.
    """

    images: tf.Tensor
    nearest: tf.Tensor
    distance: tf.Tensor
    broken: tf.Tensor
    num_gradients: tf.Tensor
    num_zero_gradients: tf.Tensor


def boundary_walk(
    classifier: Classifier,
    ascent: AscentFn,
    region: balls.Ball,
    centers: tf.Tensor,
    labels: tf.Tensor,
    norm: Literal["linf", "l2"],
) -> Kernel:
    """The kernel of FAB: projections onto the linear boundary, biased to the center.

    Args:
      classifier: what is attacked.
      ascent: the logit of the target less that of the label, with its gradient.
      region: inside which an error ends the walk of an image.
      centers: natural images [n, H, W, C].
      labels: integers [n].
      norm: of the ball.

    Returns:
      A kernel; its position is (images, broken), its state a `Boundary`.
    """

    def init(position: tuple[tf.Tensor, tf.Tensor]) -> tuple[Boundary, tuple]:
        images, broken = position
        nothing = tf.zeros(tf.shape(broken))
        none = nothing + float("inf")
        return Boundary(images, centers, none, broken, nothing, nothing), ()

    def step(state: Boundary, seed: tf.Tensor) -> tuple[Boundary, tuple]:
        seen = finite(ascent(state.images, seed))
        moved = _towards_boundary(state.images, centers, seen, norm)
        wrong = errs(classifier(moved), labels)
        distance = region.distance(moved, centers)
        nearer = ~state.broken & wrong & (distance < state.distance)
        back = centers + BACKWARD * (moved - centers)
        looks = tf.cast(~state.broken, tf.float32)
        return Boundary(
            images=chosen(wrong, back, moved),
            nearest=chosen(nearer, moved, state.nearest),
            distance=tf.where(nearer, distance, state.distance),
            broken=state.broken | (nearer & (distance <= region.epsilon)),
            num_gradients=state.num_gradients + looks,
            num_zero_gradients=state.num_zero_gradients
            + looks * is_zero(seen.gradient),
        ), ()

    return Kernel(init, step)


def fab_targeted(
    classifier: Classifier, ball: Ball, *, num_steps: int, num_targets: int
) -> AttackFn:
    """FAB for the likeliest wrong classes in turn, each from the natural image.

    The info also has "distance", float32 [n]: that of the nearest error that was
    found, infinite where there was none. Where an image broke it is the distance of
    that error and no least one; at epsilon = 0 it is the least that FAB can find. Of
    an image that does not break, the projection of the nearest error into the ball is
    returned.

    Args:
      classifier: what is attacked.
      ball: whose norm is meant; radii come with the images.
      num_steps: projections, for each target.
      num_targets: classes to aim at; fewer where there are fewer.
    """

    def attack(
        images: tf.Tensor, labels: tf.Tensor, epsilon: tf.Tensor, seed: tf.Tensor
    ) -> Attacked:
        logits = classifier(images)
        start = natural(images, logits, labels)
        start = start._replace(score=tf.where(start.broken, 0.0, start.score))
        around = balls.ball(ball.norm, epsilon)

        def aim(targets: tf.Tensor, broken: tf.Tensor, seed: tf.Tensor) -> Outcome:
            ascent = plain(classifier, lambda logits: gap(logits, labels, targets))
            kernel = boundary_walk(
                classifier, ascent, around, images, labels, norm=ball.norm
            )
            state, _ = iterate(
                kernel,
                *kernel.init((images, broken)),
                num_steps,
                seed,
                until=lambda state: tf.reduce_all(state.broken),
            )
            return _outcome(classifier, around, images, labels, state)

        targets = likeliest_others(logits, labels, num_targets)
        outcome = over_targets(aim, targets, start, seed)
        result = attacked(_inside(classifier, around, images, labels, outcome))
        return result._replace(info=result.info | {"distance": 0.0 - outcome.score})

    return attack


def _towards_boundary(
    images: tf.Tensor, centers: tf.Tensor, seen: Ascent, norm: Literal["linf", "l2"]
) -> tf.Tensor:
    """The step of FAB, which mixes two ways to the linear boundary at the images.

    One begins at the images, the other at the centers; both go beyond the boundary,
    and the nearer the images are to it, the more they have of the first.

    Source: Croce and Hein (2020), eqs. 9 to 11 of their section 2.3.
    """
    shape = tf.shape(images)
    here, home, normals = (
        tf.reshape(tensor, [shape[0], -1])
        for tensor in (images, centers, seen.gradient)
    )
    from_home = -seen.loss + tf.reduce_sum(normals * (here - home), 1)
    ways = displacement(
        tf.concat([here, home], 0),
        tf.concat([normals, normals], 0),
        tf.concat([-seen.loss, from_home], 0),
        norm,
    )
    lengths = tf.maximum(tf.norm(ways, ORDERS[norm], 1, keepdims=True), 1e-8)
    way, way_home = tf.split(ways, 2)
    length, length_home = tf.split(lengths, 2)
    bias = tf.minimum(length / (length + length_home), MOST_BIAS)
    moved = (1.0 - bias) * (here + OVERSHOOT * way)
    moved += bias * (home + OVERSHOOT * way_home)
    return tf.clip_by_value(tf.reshape(moved, shape), -1.0, 1.0)


def _outcome(
    classifier: Classifier,
    region: balls.Ball,
    centers: tf.Tensor,
    labels: tf.Tensor,
    state: Boundary,
) -> Outcome:
    """What a walk has found, after the final search."""
    nearest = searched(classifier, centers, state.nearest, labels)
    distance = region.distance(nearest, centers)
    # Without an error the distance is infinite, and the image found is the center.
    found = tf.math.is_finite(state.distance)
    nearer = ~state.broken & found & (distance < state.distance)
    distance = tf.where(nearer, distance, state.distance)
    queries = tf.where(state.num_gradients > 0.0, SEARCH_QUERIES, 0.0)
    return Outcome(
        images=chosen(nearer, nearest, state.nearest),
        broken=state.broken | (found & (distance <= region.epsilon)),
        score=-distance,
        last_rise=tf.zeros_like(distance),
        num_gradients=state.num_gradients,
        num_zero_gradients=state.num_zero_gradients,
        num_queries=2.0 * state.num_gradients + queries,
    )


def _inside(
    classifier: Classifier,
    region: balls.Ball,
    centers: tf.Tensor,
    labels: tf.Tensor,
    outcome: Outcome,
) -> Outcome:
    """Projects the nearest errors outside of the ball into it, and judges them there.

    One that was outside by rounding only is an error there too.
    """
    images = region.project(outcome.images, centers)
    wrong = errs(classifier(images), labels)
    return outcome._replace(
        images=chosen(outcome.broken, outcome.images, images),
        broken=outcome.broken | wrong,
        num_queries=outcome.num_queries + tf.cast(~outcome.broken, tf.float32),
    )
