"""Projected gradient ascent, to attack a classifier and to learn from attacks."""

from typing import NamedTuple

import tensorflow as tf

from ebm_tf import pixels
from ebm_tf.attacks import balls
from ebm_tf.attacks.balls import Ball
from ebm_tf.attacks.gradients import finite, is_zero, plain
from ebm_tf.attacks.losses import attack_loss
from ebm_tf.attacks.outcomes import chosen, errs, predicted
from ebm_tf.config import attacks as config
from ebm_tf.kernels import Kernel, iterate
from ebm_tf.protocols import AscentFn, Attacked, AttackFn, Classifier


class PgdInfo(NamedTuple):
    """Diagnostics of a step: what was seen at the images before it.

    Attributes:
      loss: float32 [n].
      prediction: int64 [n], -1 where logits are not finite.
      zero_gradient: float32 [n], 1 where the gradient was exactly 0.
    """

    loss: tf.Tensor
    prediction: tf.Tensor
    zero_gradient: tf.Tensor


class PgdClimb(NamedTuple):
    """A run of ascent that keeps its best images.

    Attributes:
      images: float32 [n, H, W, C], where it is.
      best: where it was best, judged by `better`.
      num_zero_gradients: float32 [n], steps whose gradient was exactly 0.
    """

    images: tf.Tensor
    best: Attacked
    num_zero_gradients: tf.Tensor


def projected_ascent(
    ascent: AscentFn, region: Ball, centers: tf.Tensor, *, step: tf.Tensor | float
) -> Kernel:
    """One step of ascent and the way back into the ball (Madry et al., 2018).

    Args:
      ascent: loss and gradient.
      region: where images may go.
      centers: natural images [n, H, W, C].
      step: scalar or [n], in units of images in [-1, 1].

    Returns:
      A kernel whose state is the images; its info is a `PgdInfo`.
    """

    def init(images: tf.Tensor) -> tuple[tf.Tensor, PgdInfo]:
        nothing = tf.zeros(tf.shape(images)[:1])
        return images, PgdInfo(nothing, tf.cast(nothing, tf.int64), nothing)

    def climb(images: tf.Tensor, seed: tf.Tensor) -> tuple[tf.Tensor, PgdInfo]:
        seen = finite(ascent(images, seed))
        moved = region.project(region.ascend(images, seen.gradient, step), centers)
        prediction = predicted(seen.logits)
        return moved, PgdInfo(seen.loss, prediction, is_zero(seen.gradient))

    return Kernel(init, climb)


def better(candidate: Attacked, best: Attacked) -> Attacked:
    """The better of two attacks on each image, with its info.

    One that breaks an image beats any that does not; then the higher "loss" of the
    info counts. A loss that is not a number never wins.
    """
    higher = candidate.info["loss"] > best.info["loss"]
    wins = tf.where(candidate.broken == best.broken, higher, candidate.broken)
    return Attacked(
        chosen(wins, candidate.images, best.images),
        tf.where(wins, candidate.broken, best.broken),
        {
            name: tf.where(wins, value, best.info[name])
            for name, value in candidate.info.items()
        },
    )


def keeping_best(kernel: Kernel, labels: tf.Tensor) -> Kernel:
    """A kernel of images with a `PgdInfo` that also keeps the best images.

    Args:
      kernel: such as `projected_ascent`.
      labels: int64 [n], by which images are broken.

    Returns:
      A kernel whose state is a `PgdClimb`; its info is that of the given kernel.
    """

    def init(images: tf.Tensor) -> tuple[PgdClimb, PgdInfo]:
        images, info = kernel.init(images)
        nothing = tf.zeros_like(info.loss)
        best = Attacked(images, nothing > 0.0, {"loss": nothing - float("inf")})
        return PgdClimb(images, best, nothing), info

    def step(climb: PgdClimb, seed: tf.Tensor) -> tuple[PgdClimb, PgdInfo]:
        images, info = kernel.step(climb.images, seed)
        wrong = info.prediction != labels
        seen = Attacked(climb.images, wrong, {"loss": info.loss})
        num_zero_gradients = climb.num_zero_gradients + info.zero_gradient
        return PgdClimb(images, better(seen, climb.best), num_zero_gradients), info

    return Kernel(init, step)


def starts(kind: str, region: Ball, centers: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    """Where ascent from centers [n, H, W, C] begins.

    Args:
      kind: "uniform" in the ball and in [-1, 1]; "normal", noise of 0.001 of the
        pixel range, which is not projected (Zhang et al., 2019); or "natural".
      region: the balls of the attack.
      centers: natural images.
      seed: int32 [2].
    """
    if kind == "uniform":
        return region.random_start(centers, seed)
    if kind == "normal":
        deviation = pixels.from_255ths(0.255)
        noise = tf.random.stateless_normal(tf.shape(centers), seed)
        return centers + deviation * noise
    return centers


def step_size(settings: config.Pgd, ball: config.Ball, epsilon: tf.Tensor) -> tf.Tensor:
    """The step [n] that goes with radii epsilon [n], both in units of [-1, 1]."""
    return settings.step_size / ball.epsilon * epsilon


def perturb(
    ascent: AscentFn,
    region: Ball,
    centers: tf.Tensor,
    starts: tf.Tensor,
    *,
    step: tf.Tensor | float,
    num_steps: int | tf.Tensor,
    seed: tf.Tensor,
) -> tf.Tensor:
    """The last images of an ascent, to learn from; nothing else is looked at.

    Call it outside of gradient tapes: they would record all of it.

    Args:
      ascent: loss and gradient.
      region: where images may go.
      centers: natural images [n, H, W, C].
      starts: images to begin at, of the same shape; they need not be in the ball.
      step: scalar or [n], in units of images in [-1, 1].
      num_steps: of ascent.
      seed: int32 [2].
    """
    kernel = projected_ascent(ascent, region, centers, step=step)
    images, _ = iterate(kernel, *kernel.init(starts), num_steps, seed)
    return tf.stop_gradient(images)


def pgd_attack(
    classifier: Classifier, settings: config.Pgd, ball: config.Ball
) -> AttackFn:
    """Projected gradient ascent with restarts; the best of all iterates is kept.

    The info has the best "loss" of each image and, of the restart that it is from,
    "loss_before_last" and "loss_last", the losses at its last two images, and
    "zero_gradient", the share of its steps whose gradient was exactly 0. A loss that is
    still rising at the end asks for more steps.

    Args:
      classifier: what is attacked.
      settings: loss, steps, start and restarts; one step of the length of epsilon
        from the natural image is FGSM (Goodfellow et al., 2015).
      ball: the norm, and the radius that the step size is meant for.
    """

    def attack(
        images: tf.Tensor, labels: tf.Tensor, epsilon: tf.Tensor, seed: tf.Tensor
    ) -> Attacked:
        region = balls.ball(ball.norm, epsilon)
        ascent = plain(
            classifier, attack_loss(settings.loss, classifier, images, labels)
        )
        step = step_size(settings, ball, epsilon)
        kernel = keeping_best(
            projected_ascent(ascent, region, images, step=step), labels
        )

        def restart(best: Attacked, seed: tf.Tensor) -> tuple[Attacked, tuple]:
            start_seed, climb_seed = tf.unstack(tf.random.split(seed, 2))
            begun = region.project(
                starts(settings.start, region, images, start_seed), images
            )
            run = _run(ascent, kernel, labels, begun, settings.num_steps, climb_seed)
            return better(run, best), ()

        restarts = Kernel(lambda images: (_nothing(images), ()), restart)
        best, _ = iterate(restarts, *restarts.init(images), settings.num_restarts, seed)
        return best

    return attack


def _run(
    ascent: AscentFn,
    kernel: Kernel,
    labels: tf.Tensor,
    begun: tf.Tensor,
    num_steps: int,
    seed: tf.Tensor,
) -> Attacked:
    """The best images of one climb, the last of it among them."""
    climb, info = iterate(kernel, *kernel.init(begun), num_steps, seed)
    # A graph leaves out the gradient, which is not used.
    last = finite(ascent(climb.images, tf.random.fold_in(seed, num_steps)))
    wrong = errs(last.logits, labels)
    best = better(Attacked(climb.images, wrong, {"loss": last.loss}), climb.best)
    about = {
        "loss_before_last": info.loss,
        "loss_last": last.loss,
        "zero_gradient": climb.num_zero_gradients / num_steps,
    }
    return best._replace(info=best.info | about)


def _nothing(images: tf.Tensor) -> Attacked:
    """What every run is better than."""
    nothing = tf.zeros(tf.shape(images)[:1])
    names = ("loss_before_last", "loss_last", "zero_gradient")
    info = {"loss": nothing - float("inf")} | dict.fromkeys(names, nothing)
    return Attacked(images, nothing > 0.0, info)
