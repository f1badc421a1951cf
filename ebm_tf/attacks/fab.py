"""FAB: the nearest error, by walking along the linear boundary of a class.

Every step goes to where the margin of a wrong class would be 0 if it were linear, by
the shortest way inside the pixel box, and stays close to the natural image. A search on
the straight line to the best error comes last.

Source: Croce and Hein (2020), "Minimally distorted adversarial examples with a fast
adaptive boundary attack".
"""

import math
from typing import Literal, NamedTuple

import tensorflow as tf

from ebm_tf.attacks import balls
from ebm_tf.attacks.balls import per_image
from ebm_tf.attacks.gradients import finite, is_zero, plain
from ebm_tf.attacks.losses import gap, margin
from ebm_tf.attacks.outcomes import (
    Outcome,
    attacked,
    chosen,
    errs,
    likeliest,
    merged,
    natural,
)
from ebm_tf.attacks.rounds import InRounds, Rows, Search, num_blocks, steps_of
from ebm_tf.config.attacks import Ball
from ebm_tf.kernels import Kernel, iterate
from ebm_tf.protocols import Ascent, AscentFn, Attacked, Classifier

MOST_BIAS = 0.1  # alpha_max, towards the natural image
OVERSHOOT = 1.05  # eta, beyond the linear boundary
BACKWARD = 0.9  # beta, of the way that is kept after an error
ORDERS = {"linf": math.inf, "l2": 2}
SEARCH_STEPS = 3
SEARCH_QUERIES = SEARCH_STEPS + 2.0  # the two ends as well
# Beyond the boundary, in natural margins, so that rounding does not undo an error.
SAFETY = 1e-3
BLOCK = 10  # steps of a segment

Norm = Literal["linf", "l2"]


class Attack(NamedTuple):
    """What FAB attacks.

    Attributes:
      classifier: images -> logits.
      ball: around the images; inside it an error ends the walk of an image.
      norm: of the ball.
      centers: natural images [n, H, W, C].
      labels: integers [n].
    """

    classifier: Classifier
    ball: balls.Ball
    norm: Norm
    centers: tf.Tensor
    labels: tf.Tensor

    def errs(self, images: tf.Tensor) -> tf.Tensor:
        """Whether the classifier errs at images, bool [n]."""
        return errs(self.classifier(images), self.labels)

    def distance(self, images: tf.Tensor) -> tf.Tensor:
        """Theirs from the natural ones, float32 [n]."""
        return self.ball.distance(images, self.centers)


def fab_targeted(
    classifier: Classifier, ball: Ball, *, num_steps: int, num_targets: int
) -> InRounds:
    """FAB for the likeliest wrong classes in turn, each from the natural image.

    The info also has "distance", float32 [n]: that of the nearest error that was found,
    infinite where there was none. Where an image broke it is the distance of that error
    and no least one; at epsilon = 0 it is the least that FAB can find. Of an image that
    does not break, the nearest error is returned, projected into the ball.

    Args:
      classifier: what is attacked.
      ball: whose norm is meant; radii come with the images.
      num_steps: projections, for each target.
      num_targets: classes to aim at; fewer where there are fewer.
    """

    def first(rows: Rows) -> tuple[Outcome, tf.Tensor]:
        logits = classifier(rows.images)
        start = natural(rows.images, logits, rows.labels)
        start = start._replace(score=tf.where(start.broken, 0.0, start.score))
        return start, likeliest(logits, rows.labels, num_targets)

    def attack_on(rows: Rows) -> Attack:
        around = balls.around(ball, rows.epsilon)
        return Attack(classifier, around, ball.norm, rows.images, rows.labels)

    def search(rows: Rows, targets: tf.Tensor | None, index: tf.Tensor) -> Search:
        del index  # it draws nothing
        ascent = plain(classifier, lambda logits: gap(logits, rows.labels, targets))
        return _walking(attack_on(rows), ascent, num_steps)

    def last(rows: Rows, best: Outcome) -> Attacked:
        result = attacked(_inside(attack_on(rows), best))
        return result._replace(info=result.info | {"distance": 0.0 - best.score})

    return InRounds(first, search, last, num_targets, num_blocks(num_steps, BLOCK))


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


def _walking(attack: Attack, ascent: AscentFn, num_steps: int) -> Search:
    """The walk towards a class, in blocks of steps."""
    kernel = boundary_walk(attack, ascent)

    def opened(best: Outcome) -> Boundary:
        return kernel.init((attack.centers, best.broken))[0]

    def advanced(state: Boundary, block: tf.Tensor) -> Boundary:
        _, num = steps_of(block, BLOCK, num_steps)
        state, _ = iterate(
            kernel,
            state,
            (),
            num,
            tf.zeros([2], tf.int32),
            until=lambda state: tf.reduce_all(state.broken),
        )
        return state

    def closed(best: Outcome, state: Boundary) -> Outcome:
        return merged(best, _outcome(attack, state))

    return Search(opened, advanced, closed, lambda state: state.broken)


def boundary_walk(attack: Attack, ascent: AscentFn) -> Kernel:
    """The kernel of FAB: projections onto the linear boundary, biased to the center.

    Its position is (images, broken), its state a `Boundary`; the ascent is of the logit
    of the target less that of the label.
    """

    def init(position: tuple[tf.Tensor, tf.Tensor]) -> tuple[Boundary, tuple]:
        images, broken = position
        zeros = tf.zeros(tf.shape(broken))
        distance = zeros + float("inf")
        return Boundary(images, attack.centers, distance, broken, zeros, zeros), ()

    def step(state: Boundary, seed: tf.Tensor) -> tuple[Boundary, tuple]:
        output = finite(ascent(state.images, seed))
        moved = _towards_boundary(state.images, attack.centers, output, attack.norm)
        wrong, distance = attack.errs(moved), attack.distance(moved)
        nearer = ~state.broken & wrong & (distance < state.distance)
        back = attack.centers + BACKWARD * (moved - attack.centers)
        active = tf.cast(~state.broken, tf.float32)
        return Boundary(
            images=chosen(wrong, back, moved),
            nearest=chosen(nearer, moved, state.nearest),
            distance=tf.where(nearer, distance, state.distance),
            broken=state.broken | (nearer & (distance <= attack.ball.epsilon)),
            num_gradients=state.num_gradients + active,
            num_zero_gradients=state.num_zero_gradients
            + active * is_zero(output.gradient),
        ), ()

    return Kernel(init, step)


def _outcome(attack: Attack, state: Boundary) -> Outcome:
    """What a walk has found, after the final search."""
    nearest = tf.cond(
        tf.reduce_all(state.broken),
        lambda: state.nearest,
        lambda: searched(
            attack.classifier, attack.centers, state.nearest, attack.labels
        ),
    )
    distance = attack.distance(nearest)
    # Without an error the distance is infinite, and the image found is the center.
    found = tf.math.is_finite(state.distance)
    nearer = ~state.broken & found & (distance < state.distance)
    distance = tf.where(nearer, distance, state.distance)
    queries = tf.where(state.num_gradients > 0.0, SEARCH_QUERIES, 0.0)
    return Outcome(
        images=chosen(nearer, nearest, state.nearest),
        broken=state.broken | (found & (distance <= attack.ball.epsilon)),
        score=-distance,
        last_rise=tf.zeros_like(distance),
        num_gradients=state.num_gradients,
        num_zero_gradients=state.num_zero_gradients,
        num_queries=2.0 * state.num_gradients + queries,
    )


def _inside(attack: Attack, outcome: Outcome) -> Outcome:
    """Projects the nearest errors outside of the ball into it, and evaluates them.

    One that was outside by rounding only is an error there too.
    """
    images = attack.ball.project(outcome.images, attack.centers)
    return outcome._replace(
        images=chosen(outcome.broken, outcome.images, images),
        broken=outcome.broken | attack.errs(images),
        num_queries=outcome.num_queries + tf.cast(~outcome.broken, tf.float32),
    )


def _towards_boundary(
    images: tf.Tensor, centers: tf.Tensor, output: Ascent, norm: Norm
) -> tf.Tensor:
    """The step of FAB, which mixes two ways to the linear boundary at the images.

    One begins at the images, the other at the centers; both go beyond the boundary,
    and the nearer the images are to it, the more they have of the first.

    Source: eqs. 9 to 11 of their section 2.3.
    """
    shape = tf.shape(images)
    tensors = images, centers, output.gradient
    here, home, normals = (tf.reshape(each, [shape[0], -1]) for each in tensors)
    from_home = -output.loss + tf.reduce_sum(normals * (here - home), 1)
    ways = displacement(
        tf.concat([here, home], 0),
        tf.concat([normals, normals], 0),
        tf.concat([-output.loss, from_home], 0),
        norm,
    )
    lengths = tf.maximum(tf.norm(ways, ORDERS[norm], 1, keepdims=True), 1e-8)
    way, way_home = tf.split(ways, 2)
    length, length_home = tf.split(lengths, 2)
    bias = tf.minimum(length / (length + length_home), MOST_BIAS)
    moved = (1.0 - bias) * (here + OVERSHOOT * way)
    moved += bias * (home + OVERSHOOT * way_home)
    return tf.clip_by_value(tf.reshape(moved, shape), -1.0, 1.0)


def displacement(
    points: tf.Tensor, normals: tf.Tensor, residuals: tf.Tensor, norm: Norm
) -> tf.Tensor:
    """The smallest d with normal . d = residual and point + d in [-1, 1].

    Where no point of the box lies on the hyperplane, d leads to the corner that is
    nearest to it, along the signs of the normal.

    With s the sign of normal * residual, the solution is d = s * min(t * v, c): all
    coordinates move together, at speed v = 1 for l-infinity and v = |normal| for l2,
    until each meets its wall at distance c. The length that is gained along the
    normal is concave and piecewise linear in t, with its corners at c / v (their
    section 2.2).

    Points in [-1, 1], normals and d are float32 [n, d], residuals [n]; the norm is that
    whose length is smallest.
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

    All are float32 [n, d] >= 0, lengths [n, 1], and a speed is 0 where a rate is. Where
    none reaches the length, a t at which all coordinates stand at their walls.

    The sum is concave, so that Newton's steps from 0 never go too far; one that passes
    no corner ends at the solution. A few are enough, where corners had to be sorted.
    """
    corners = tf.math.divide_no_nan(walls, speeds)
    gains, stops = rates * speeds, rates * walls

    def step(state: tuple[tf.Tensor, tf.Tensor, tf.Tensor], _: tf.Tensor) -> tuple:
        time, moving, _ = state
        slope = tf.reduce_sum(tf.where(moving, gains, 0.0), 1, keepdims=True)
        stopped = tf.reduce_sum(tf.where(moving, 0.0, stops), 1, keepdims=True)
        solution = tf.math.divide_no_nan(lengths - stopped, slope)
        time = tf.maximum(time, solution)
        left = corners > time
        return (time, left, tf.reduce_all(left == moving)), ()

    kernel = Kernel(lambda state: (state, ()), step)
    begun = tf.zeros_like(lengths), corners > 0.0, tf.constant(False)
    most = corners.shape[1] + 1  # each step but the last passes a corner
    (time, _, _), _ = iterate(
        kernel,
        *kernel.init(begun),
        most,
        tf.zeros([2], tf.int32),
        until=lambda state: state[2],
    )
    return time


def searched(
    classifier: Classifier, centers: tf.Tensor, errors: tf.Tensor, labels: tf.Tensor
) -> tf.Tensor:
    """Nearer errors, on the straight line from the centers to errors.

    Each step evaluates the point where the margin would be just above 0 if it were
    linear between the two ends, but in the farther half, where it is curved; the point
    replaces one end or the other.

    Source: the final search of their section 2.4.
    """

    def evaluated(images: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        logits = classifier(images)
        return margin(logits, labels), errs(logits, labels)

    def step(ends: tuple, seed: tf.Tensor) -> tuple[tuple, tuple]:
        del seed
        right, right_margin, wrong, wrong_margin = ends
        part = safety - right_margin
        part = tf.math.divide_no_nan(part, wrong_margin - right_margin)
        between = right + per_image(tf.clip_by_value(part, 0.5, 1.0)) * (wrong - right)
        between_margin, is_wrong = evaluated(between)
        is_wrong &= between_margin > 0.5 * safety
        return (
            chosen(is_wrong, right, between),
            tf.where(is_wrong, right_margin, between_margin),
            chosen(is_wrong, between, wrong),
            tf.where(is_wrong, between_margin, wrong_margin),
        ), ()

    right_margin, _ = evaluated(centers)
    safety = SAFETY * tf.abs(right_margin)
    ends = centers, right_margin, errors, evaluated(errors)[0]
    kernel = Kernel(lambda ends: (ends, ()), step)
    (_, _, wrong, _), _ = iterate(
        kernel, *kernel.init(ends), SEARCH_STEPS, tf.zeros([2], tf.int32)
    )
    return wrong
