"""The Fast Adaptive Boundary attack, aimed at classes (Croce and Hein, 2020).

"Minimally distorted adversarial examples with a fast adaptive boundary attack". It
looks for the nearest error, whatever the radius, and has succeeded where that is
inside the ball.
"""

import math
from typing import Literal, NamedTuple

import tensorflow as tf

from ebm_tf.attacks import balls
from ebm_tf.attacks.ascents import finite, is_zero
from ebm_tf.attacks.fab_projections import displacement
from ebm_tf.attacks.fab_search import SEARCH_QUERIES, searched
from ebm_tf.attacks.gradients import plain
from ebm_tf.attacks.losses import gap
from ebm_tf.attacks.outcomes import Outcome, attacked, chosen, errs, natural
from ebm_tf.attacks.targets import likeliest_others, over_targets
from ebm_tf.config.attacks import Ball
from ebm_tf.kernels import Kernel, iterate
from ebm_tf.protocols import Ascent, AscentFn, Attacked, AttackFn, Classifier

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
