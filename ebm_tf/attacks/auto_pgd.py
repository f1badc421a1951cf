"""The kernel of Auto-PGD, whose step sizes set themselves (Croce and Hein, 2020)."""

from collections.abc import Callable
from typing import NamedTuple

import tensorflow as tf

from ebm_tf.attacks import outcomes
from ebm_tf.attacks.balls import Ball
from ebm_tf.attacks.gradients import finite, is_zero
from ebm_tf.kernels import Kernel, iterate
from ebm_tf.protocols import AscentFn

MOMENTUM = 0.75
FIRST_STEP = 2.0  # in radii
LEAST_RISING = 0.75  # of the steps of a window


class Best(NamedTuple):
    """The point of the highest loss, [n, ...]; the first error where one is final."""

    images: tf.Tensor
    gradient: tf.Tensor
    loss: tf.Tensor


class ApgdClimb(NamedTuple):
    """The state of APGD.

    Attributes:
      images: float32 [n, H, W, C], where it is.
      previous: where it was before.
      gradient: there, of the same shape.
      loss: float32 [n], there.
      best: where it goes on when its steps are halved.
      broken: bool [n], whether the classifier errs at the best.
      final: bool [n], whether the best stays as it is.
      step: float32 [n], step sizes.
      num_rises: float32 [n], steps of this window at which the loss rose.
      halved: bool [n], whether the step was halved at the last checkpoint.
      checked_loss: float32 [n], the best at the last checkpoint.
      late_loss: float32 [n], the best when the last tenth of the steps began.
      num_gradients: float32 [n], taken before the image was final.
      num_zero_gradients: float32 [n], of these exactly 0.
      index: int32 scalar, steps until now.
    """

    images: tf.Tensor
    previous: tf.Tensor
    gradient: tf.Tensor
    loss: tf.Tensor
    best: Best
    broken: tf.Tensor
    final: tf.Tensor
    step: tf.Tensor
    num_rises: tf.Tensor
    halved: tf.Tensor
    checked_loss: tf.Tensor
    late_loss: tf.Tensor
    num_gradients: tf.Tensor
    num_zero_gradients: tf.Tensor
    index: tf.Tensor


class Look(NamedTuple):
    """What is seen of images: the point, and whether the classifier errs there."""

    point: Best
    wrong: tf.Tensor


# (final, wrong, rises), bool [n] each -> (whether it is the best now, final now).
AcceptFn = Callable[[tf.Tensor, tf.Tensor, tf.Tensor], tuple[tf.Tensor, tf.Tensor]]


def first_error(final: tf.Tensor, wrong: tf.Tensor, rises: tf.Tensor):
    """The first image that is misclassified is final: for deterministic classifiers."""
    return ~final & (wrong | rises), final | wrong


def highest_loss(final: tf.Tensor, wrong: tf.Tensor, rises: tf.Tensor):
    """The loss alone counts: one error of a random classifier may be chance."""
    del wrong
    return ~final & rises, final


def windows(num_steps: int) -> list[int]:
    """For every step the length of the window that it ends, 0 where it ends none.

    The first window has 0.22 of the steps, each other 0.03 of them less than the one
    before, but not less than 0.06 (Croce and Hein, 2020, section 3).
    """
    length, shrinks, least = (
        max(int(share * num_steps), 1) for share in (0.22, 0.03, 0.06)
    )
    lengths = [0] * num_steps
    end = length
    while end <= num_steps:
        lengths[end - 1] = length
        length = max(length - shrinks, least)
        end += length
    return lengths


def auto_pgd(
    ascent: AscentFn,
    ball: Ball,
    centers: tf.Tensor,
    labels: tf.Tensor,
    *,
    num_steps: int,
    accept: AcceptFn = first_error,
) -> Kernel:
    """The kernel of APGD: steps with momentum, halved where the loss stalls.

    Args:
      ascent: loss and gradient.
      ball: where images may go.
      centers: natural images [n, H, W, C].
      labels: int64 [n].
      num_steps: of the whole ascent, to which the checkpoints belong.
      accept: which images are kept.

    Returns:
      A kernel; its position is (starts, final, seed): images to begin at, bool [n],
      where the natural image is to stay, and a key for the look at the starts. Its
      state is an `ApgdClimb`.
    """
    window_of = tf.constant(windows(num_steps), tf.float32)
    late = num_steps - max(num_steps // 10, 1)

    def look(images: tf.Tensor, seed: tf.Tensor) -> Look:
        seen = finite(ascent(images, seed))
        point = Best(images, seen.gradient, seen.loss)
        return Look(point, outcomes.errs(seen.logits, labels))

    def init(position: tuple[tf.Tensor, tf.Tensor, tf.Tensor]):
        starts, final, seed = position
        return _begun(look(starts, seed), final, centers, ball, accept), ()

    def step(climb: ApgdClimb, seed: tf.Tensor) -> tuple[ApgdClimb, tuple]:
        seen = look(_moved(climb, ball, centers), seed)
        arrived = _arrived(climb, seen, accept, late)
        return _checked(arrived, tf.gather(window_of, climb.index)), ()

    return Kernel(init, step)


def climbed(
    kernel: Kernel,
    starts: tf.Tensor,
    broken: tf.Tensor,
    *,
    num_steps: int,
    seed: tf.Tensor,
) -> outcomes.Outcome:
    """Runs the kernel until its last step, or until every image is final.

    Args:
      kernel: of `auto_pgd`.
      starts: images [n, H, W, C] to begin at.
      broken: bool [n], where the natural image stays.
      num_steps: for which the kernel was made.
      seed: int32 [2].
    """
    first_seed, seed = tf.unstack(tf.random.split(seed, 2))
    climb, _ = iterate(
        kernel,
        *kernel.init((starts, broken, first_seed)),
        num_steps - 1,
        seed,
        until=_is_over,
    )

    def arrived() -> tuple[tf.Tensor, ...]:
        # A graph leaves out the gradient here, which nobody follows.
        last, _ = kernel.step(climb, tf.random.fold_in(seed, num_steps - 1))
        return _found(last)

    found = tf.cond(_is_over(climb), lambda: _found(climb), arrived)
    images, broken, loss, late_loss = found
    return outcomes.Outcome(
        images=images,
        broken=broken,
        score=loss,
        last_rise=tf.where(loss > late_loss, loss - late_loss, 0.0),
        num_gradients=climb.num_gradients,
        num_zero_gradients=climb.num_zero_gradients,
        num_queries=climb.num_gradients + tf.cast(~climb.final, tf.float32),
    )


def _is_over(climb: ApgdClimb) -> tf.Tensor:
    return tf.reduce_all(climb.final)


def _found(climb: ApgdClimb) -> tuple[tf.Tensor, ...]:
    """The best images, whether they are errors, their loss, and the late one."""
    return climb.best.images, climb.broken, climb.best.loss, climb.late_loss


def _begun(
    seen: Look, final: tf.Tensor, centers: tf.Tensor, ball: Ball, accept: AcceptFn
) -> ApgdClimb:
    """The state before the first step; images that are final stay natural ones."""
    starts, gradient, loss = seen.point
    _, now_final = accept(final, seen.wrong, seen.wrong)
    looks = tf.cast(~final, tf.float32)
    return ApgdClimb(
        images=starts,
        previous=starts,
        gradient=gradient,
        loss=loss,
        best=seen.point._replace(images=outcomes.chosen(final, centers, starts)),
        broken=final | seen.wrong,
        final=now_final,
        step=FIRST_STEP * ball.epsilon,
        num_rises=tf.zeros_like(loss),
        # So that the first checkpoint asks for rising steps only.
        halved=tf.ones_like(final),
        checked_loss=loss,
        late_loss=loss,
        num_gradients=looks,
        num_zero_gradients=looks * is_zero(gradient),
        index=tf.constant(0),
    )


def _arrived(climb: ApgdClimb, seen: Look, accept: AcceptFn, late: int) -> ApgdClimb:
    """The state at the next point; `late` is the step that begins the last tenth."""
    images, gradient, loss = seen.point
    better, final = accept(climb.final, seen.wrong, loss > climb.best.loss)
    looks = tf.cast(~climb.final, tf.float32)
    zeros = looks * is_zero(gradient)
    return climb._replace(
        images=images,
        previous=climb.images,
        gradient=gradient,
        loss=loss,
        best=_best_of(better, seen.point, climb.best),
        broken=tf.where(better, seen.wrong, climb.broken),
        final=final,
        num_rises=climb.num_rises + tf.cast(loss > climb.loss, tf.float32),
        late_loss=tf.where(climb.index == late, climb.best.loss, climb.late_loss),
        num_gradients=climb.num_gradients + looks,
        num_zero_gradients=climb.num_zero_gradients + zeros,
        index=climb.index + 1,
    )


def _moved(climb: ApgdClimb, ball: Ball, centers: tf.Tensor) -> tf.Tensor:
    """The next images: a projected step, and a part of the way that led here."""
    aimed = ball.project(ball.ascend(climb.images, climb.gradient, climb.step), centers)
    weight = tf.where(climb.index == 0, 1.0, MOMENTUM)
    way = weight * (aimed - climb.images)
    way += (1.0 - weight) * (climb.images - climb.previous)
    return ball.project(climb.images + way, centers)


def _checked(climb: ApgdClimb, window: tf.Tensor) -> ApgdClimb:
    """Halves steps and goes back to the best at a checkpoint, where `window` is not 0.

    That is, where too few steps of the window raised the loss, or where neither the
    step was halved at the checkpoint before nor the best loss rose since then.
    """
    ends = window > 0.0
    stalls = climb.num_rises <= LEAST_RISING * window
    stalls |= ~climb.halved & (climb.best.loss <= climb.checked_loss)
    halve = ends & stalls
    here = Best(climb.images, climb.gradient, climb.loss)
    images, gradient, loss = _best_of(halve, climb.best, here)
    return climb._replace(
        images=images,
        gradient=gradient,
        loss=loss,
        step=tf.where(halve, 0.5 * climb.step, climb.step),
        num_rises=tf.where(ends, 0.0, climb.num_rises),
        halved=tf.where(ends, stalls, climb.halved),
        checked_loss=tf.where(ends, climb.best.loss, climb.checked_loss),
    )


def _best_of(first: tf.Tensor, one: Best, other: Best) -> Best:
    """One point where `first`, bool [n], holds, and the other elsewhere."""
    return Best(
        outcomes.chosen(first, one.images, other.images),
        outcomes.chosen(first, one.gradient, other.gradient),
        tf.where(first, one.loss, other.loss),
    )
