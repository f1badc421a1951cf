"""The kernel of Auto-PGD: ascent whose step sizes set themselves.

Source of all of it: Croce and Hein (2020).
"""

from typing import NamedTuple

import tensorflow as tf

from ebm_tf.attacks import balls
from ebm_tf.attacks.gradients import finite, is_zero
from ebm_tf.attacks.outcomes import Outcome, chosen, errs
from ebm_tf.kernels import Kernel, iterate
from ebm_tf.protocols import AscentFn

MOMENTUM = 0.75
FIRST_STEP = 2.0  # in radii
LEAST_RISING = 0.75  # of the steps of a window


class Point(NamedTuple):
    """Images [n, H, W, C] with the gradient and loss there, and whether they err."""

    images: tf.Tensor
    gradient: tf.Tensor
    loss: tf.Tensor
    wrong: tf.Tensor


class ApgdState(NamedTuple):
    """The state of APGD.

    Attributes:
      here: where it is.
      previous: images before.
      best: the point of the highest loss, or the first error where that is final; it
        goes on from here when its steps are halved.
      final: bool [n], whether the best stays as it is.
      step: float32 [n], step sizes.
      num_rises: float32 [n], steps of this window at which the loss rose.
      halved: bool [n], whether the step was halved at the last checkpoint.
      checked_loss: float32 [n], the best at the last checkpoint.
      late_loss: float32 [n], the best when the last tenth of the steps began.
      num_gradients: float32 [n], taken before the image was final.
      num_zero_gradients: float32 [n], of these exactly 0.
      index: int32 [n], steps until now, the same of all.
    """

    here: Point
    previous: tf.Tensor
    best: Point
    final: tf.Tensor
    step: tf.Tensor
    num_rises: tf.Tensor
    halved: tf.Tensor
    checked_loss: tf.Tensor
    late_loss: tf.Tensor
    num_gradients: tf.Tensor
    num_zero_gradients: tf.Tensor
    index: tf.Tensor


def is_over(state: ApgdState) -> tf.Tensor:
    """Whether every image is final, bool scalar."""
    return tf.reduce_all(state.final)


def outcome_of(state: ApgdState) -> Outcome:
    """What a run has found."""
    best = state.best
    rise = best.loss - state.late_loss
    return Outcome(
        images=best.images,
        broken=best.wrong,
        score=best.loss,
        last_rise=tf.where(best.loss > state.late_loss, rise, 0.0),
        num_gradients=state.num_gradients,
        num_zero_gradients=state.num_zero_gradients,
        num_queries=state.num_gradients,
    )


class Run(NamedTuple):
    """A run of APGD on n images.

    Attributes:
      ascent: loss and gradient.
      ball: where images may go.
      centers: natural images [n, H, W, C].
      labels: int64 [n].
      num_steps: of the whole ascent, to which the checkpoints belong.
      stops_at_error: whether the first image that is misclassified is final. Else the
        loss alone counts, as it has to where one error may be chance.
    """

    ascent: AscentFn
    ball: balls.Ball
    centers: tf.Tensor
    labels: tf.Tensor
    num_steps: int
    stops_at_error: bool = True

    def from_starts(
        self, starts: tf.Tensor, broken: tf.Tensor, seed: tf.Tensor
    ) -> Outcome:
        """Runs from given images until the last step, or until every image is final."""
        kernel = auto_pgd(self)
        first_key, key = tf.unstack(tf.random.split(seed, 2))
        state, _ = iterate(
            kernel,
            *kernel.init((starts, broken, first_key)),
            self.num_steps,
            key,
            until=is_over,
        )
        return outcome_of(state)


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


def auto_pgd(run: Run) -> Kernel:
    """The kernel of APGD: steps with momentum, halved where the loss stalls.

    Its position is (starts, final, seed): images to begin at, bool [n], where the
    natural image is to stay, and a key for the evaluation of the starts. Its state is
    an `ApgdState`.
    """
    window_of = tf.constant(windows(run.num_steps), tf.float32)

    def evaluated(images: tf.Tensor, seed: tf.Tensor) -> Point:
        output = finite(run.ascent(images, seed))
        wrong = errs(output.logits, run.labels)
        return Point(images, output.gradient, output.loss, wrong)

    def init(position: tuple[tf.Tensor, tf.Tensor, tf.Tensor]):
        starts, final, seed = position
        here = evaluated(starts, seed)
        active = tf.cast(~final, tf.float32)
        return ApgdState(
            here=here,
            previous=starts,
            best=here._replace(
                images=chosen(final, run.centers, starts), wrong=final | here.wrong
            ),
            final=final | here.wrong if run.stops_at_error else final,
            step=FIRST_STEP * run.ball.epsilon,
            num_rises=tf.zeros_like(here.loss),
            # So that the first checkpoint asks for rising steps only.
            halved=tf.ones_like(final),
            checked_loss=here.loss,
            late_loss=here.loss,
            num_gradients=active,
            num_zero_gradients=active * is_zero(here.gradient),
            index=tf.zeros_like(here.loss, tf.int32),
        ), ()

    def step(state: ApgdState, seed: tf.Tensor) -> tuple[ApgdState, tuple]:
        here = evaluated(_moved(state, run), seed)
        window = tf.gather(window_of, state.index)
        arrived = _arrived(state, here, run)
        return tf.cond(
            tf.reduce_any(window > 0.0),
            lambda: _checked(arrived, window),
            lambda: arrived,
        ), ()

    return Kernel(init, step)


def _arrived(state: ApgdState, here: Point, run: Run) -> ApgdState:
    """The state at the next point."""
    rises, final, active = here.loss > state.best.loss, state.final, ~state.final
    if run.stops_at_error:
        rises, final = here.wrong | rises, final | here.wrong
    counted, rose = tf.cast(active, tf.float32), here.loss > state.here.loss
    is_late = state.index == run.num_steps - max(run.num_steps // 10, 1)
    return state._replace(
        here=here,
        previous=state.here.images,
        best=chosen(active & rises, here, state.best),
        final=final,
        num_rises=state.num_rises + tf.cast(rose, tf.float32),
        late_loss=tf.where(is_late, state.best.loss, state.late_loss),
        num_gradients=state.num_gradients + counted,
        num_zero_gradients=state.num_zero_gradients + counted * is_zero(here.gradient),
        index=state.index + 1,
    )


def _moved(state: ApgdState, run: Run) -> tf.Tensor:
    """The next images: a projected step, and a part of the way that led here."""
    images, gradient = state.here.images, state.here.gradient
    aimed = run.ball.moved(images, gradient, state.step, run.centers)
    weight = balls.per_image(tf.where(state.index == 0, 1.0, MOMENTUM))
    way = weight * (aimed - images)
    way += (1.0 - weight) * (images - state.previous)
    return run.ball.project(images + way, run.centers)


def _checked(state: ApgdState, window: tf.Tensor) -> ApgdState:
    """Halves steps and goes back to the best at a checkpoint: where `window` [n] > 0.

    That is, where too few steps of the window raised the loss, or where neither the
    step was halved at the checkpoint before nor the best loss rose since then.
    """
    ends = window > 0.0
    stalls = state.num_rises <= LEAST_RISING * window
    stalls |= ~state.halved & (state.best.loss <= state.checked_loss)
    halve = ends & stalls
    return state._replace(
        here=chosen(halve, state.best, state.here),
        step=tf.where(halve, 0.5 * state.step, state.step),
        num_rises=tf.where(ends, 0.0, state.num_rises),
        halved=tf.where(ends, stalls, state.halved),
        checked_loss=tf.where(ends, state.best.loss, state.checked_loss),
    )
