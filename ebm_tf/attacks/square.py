"""The Square attack, which sees logits only (Andriushchenko et al., 2020)."""

from typing import NamedTuple

import tensorflow as tf

from ebm_tf.attacks import balls, losses
from ebm_tf.attacks.outcomes import Outcome, attacked, chosen, errs, merged, natural
from ebm_tf.attacks.square_proposals import Proposals, l2_proposals, linf_proposals
from ebm_tf.config.attacks import Ball
from ebm_tf.kernels import Kernel, iterate
from ebm_tf.protocols import Attacked, AttackFn, Classifier


class SquareSearch(NamedTuple):
    """The state of Square.

    Attributes:
      images: float32 [n, H, W, C], the best so far.
      margin: float32 [n], theirs: the largest other logit less that of the label.
      broken: bool [n], whether the classifier errs at them; they are final then.
      num_queries: float32 [n], until then.
      index: int32 scalar, queries until now, after the first.
    """

    images: tf.Tensor
    margin: tf.Tensor
    broken: tf.Tensor
    num_queries: tf.Tensor
    index: tf.Tensor


def square_search(
    classifier: Classifier, labels: tf.Tensor, proposals: Proposals
) -> Kernel:
    """The kernel of Square: a proposal is kept where it raises the margin.

    Args:
      classifier: what is attacked, asked for logits only.
      labels: integers [n].
      proposals: what is tried.

    Returns:
      A kernel; its position is (natural images, broken, seed), its state a
      `SquareSearch`.
    """

    def look(images: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        logits = classifier(images)
        return losses.margin(logits, labels), errs(logits, labels)

    def init(position: tuple[tf.Tensor, tf.Tensor, tf.Tensor]):
        images, broken, seed = position
        tried = proposals.first(seed)
        margin, wrong = look(tried)
        return SquareSearch(
            images=chosen(broken, images, tried),
            margin=margin,
            broken=broken | wrong,
            num_queries=tf.cast(~broken, tf.float32),
            index=tf.constant(0),
        ), ()

    def step(state: SquareSearch, seed: tf.Tensor) -> tuple[SquareSearch, tuple]:
        tried = proposals.next(state.images, state.index, seed)
        margin, wrong = look(tried)
        better = ~state.broken & (wrong | (margin > state.margin))
        return SquareSearch(
            images=chosen(better, tried, state.images),
            margin=tf.where(better, margin, state.margin),
            broken=state.broken | wrong,
            num_queries=state.num_queries + tf.cast(~state.broken, tf.float32),
            index=state.index + 1,
        ), ()

    return Kernel(init, step)


def square(classifier: Classifier, ball: Ball, *, num_queries: int) -> AttackFn:
    """Random search by squares, which takes no gradient; each image stops when broken.

    It has no steps that a loss could still rise in and no gradients: both diagnostics
    are 0.

    Args:
      classifier: what is attacked.
      ball: whose norm is meant; radii come with the images.
      num_queries: forward evaluations, but for that of the natural image.
    """

    def attack(
        images: tf.Tensor, labels: tf.Tensor, epsilon: tf.Tensor, seed: tf.Tensor
    ) -> Attacked:
        start = natural(images, classifier(images), labels)
        if ball.norm == "linf":
            around = balls.LinfBall(epsilon)
            proposals = linf_proposals(around, images, num_queries)
        else:
            proposals = l2_proposals(balls.L2Ball(epsilon), images, num_queries)
        kernel = square_search(classifier, labels, proposals)
        first_seed, seed = tf.unstack(tf.random.split(seed, 2))
        state, _ = iterate(
            kernel,
            *kernel.init((images, start.broken, first_seed)),
            num_queries - 1,
            seed,
            until=lambda state: tf.reduce_all(state.broken),
        )
        nothing = tf.zeros_like(state.margin)
        found = Outcome(
            images=state.images,
            broken=state.broken,
            score=state.margin,
            last_rise=nothing,
            num_gradients=nothing,
            num_zero_gradients=nothing,
            num_queries=state.num_queries,
        )
        return attacked(merged(start, found))

    return attack
