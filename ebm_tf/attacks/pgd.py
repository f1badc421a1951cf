"""Projected gradient ascent, to attack a classifier and to learn from attacks."""

from collections.abc import Callable
from typing import NamedTuple

import tensorflow as tf

from ebm_tf import keyed_noise, pixels
from ebm_tf.attacks import balls
from ebm_tf.attacks.balls import Ball
from ebm_tf.attacks.gradients import finite, is_zero, plain
from ebm_tf.attacks.losses import attack_loss
from ebm_tf.attacks.outcomes import chosen, errs
from ebm_tf.attacks.rounds import InRounds, Rows, Search
from ebm_tf.config import attacks as config
from ebm_tf.kernels import Kernel, iterate
from ebm_tf.protocols import AscentFn, Attacked, AttackFn, Classifier


class PgdState(NamedTuple):
    """A run of ascent that keeps its best images.

    Attributes:
      images: float32 [n, H, W, C], where it is.
      best: where it was best, by `better`.
      loss: float32 [n], at the images before.
      num_zero_gradients: float32 [n], steps whose gradient was exactly 0.
    """

    images: tf.Tensor
    best: Attacked
    loss: tf.Tensor
    num_zero_gradients: tf.Tensor


def better(candidate: Attacked, best: Attacked) -> Attacked:
    """The better of two attacks on each image, with its info.

    One that breaks an image beats any that does not; then the higher "loss" of the
    info counts. A loss that is not a number never wins.
    """
    higher = candidate.info["loss"] > best.info["loss"]
    wins = tf.where(candidate.broken == best.broken, higher, candidate.broken)
    return chosen(wins, candidate, best)


def projected_ascent(
    ascent: AscentFn,
    region: Ball,
    centers: tf.Tensor,
    labels: tf.Tensor,
    *,
    step: tf.Tensor | float,
) -> Kernel:
    """Steps of ascent, each projected into the ball (Madry et al., 2018).

    Args:
      ascent: loss and gradient.
      region: where images may go.
      centers: natural images [n, H, W, C].
      labels: int64 [n], by which images are broken.
      step: scalar or [n], in units of images in [-1, 1].

    Returns:
      A kernel of images, whose state is a `PgdState`.
    """

    def init(images: tf.Tensor) -> tuple[PgdState, tuple]:
        zeros = tf.zeros(tf.shape(images)[:1])
        best = Attacked(images, zeros > 0.0, {"loss": zeros - float("inf")})
        return PgdState(images, best, zeros, zeros), ()

    def move(state: PgdState, seed: tf.Tensor) -> tuple[PgdState, tuple]:
        images, best, _, num_zeros = state
        output = finite(ascent(images, seed))
        here = Attacked(images, errs(output.logits, labels), {"loss": output.loss})
        return PgdState(
            region.moved(images, output.gradient, step, centers),
            better(here, best),
            output.loss,
            num_zeros + is_zero(output.gradient),
        ), ()

    return Kernel(init, move)


def starts(kind: str, region: Ball, centers: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    """Where ascent from centers [n, H, W, C] begins.

    Args:
      kind: "uniform" in the ball and in [-1, 1]; "normal", noise of 0.001 of the
        pixel range, which is not projected (Zhang et al., 2019); or "natural".
      region: the balls of the attack.
      centers: natural images.
      seed: int32 [2], or [n, 2], one of each image.
    """
    if kind == "uniform":
        return region.random_start(centers, seed)
    if kind == "normal":
        deviation = pixels.from_255ths(0.255)
        return centers + deviation * balls.normal(centers, seed)
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
    """The last images of an ascent, to learn from; no best ones are kept.

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

    def move(images: tf.Tensor, seed: tf.Tensor) -> tuple[tf.Tensor, tuple]:
        gradient = finite(ascent(images, seed)).gradient
        return region.moved(images, gradient, step, centers), ()

    kernel = Kernel(lambda images: (images, ()), move)
    images, _ = iterate(kernel, *kernel.init(starts), num_steps, seed)
    return tf.stop_gradient(images)


def climbing(
    classifier: Classifier, settings: config.Pgd, ball: config.Ball
) -> Callable[..., tf.Tensor]:
    """The ascent of some settings whose last images count, to learn from.

    Args:
      classifier: what is attacked.
      settings: loss, steps and start; restarts are for measurements.
      ball: the norm, and the radius that the step size is meant for.

    Returns:
      The images of an `AttackFn` alone: (images, labels, epsilon, seed) -> images.
    """

    def climb(
        images: tf.Tensor, labels: tf.Tensor, epsilon: tf.Tensor, seed: tf.Tensor
    ) -> tf.Tensor:
        start_seed, seed = tf.unstack(tf.random.split(seed, 2))
        region = balls.around(ball, epsilon)
        loss = attack_loss(settings.loss, classifier, images, labels)
        return perturb(
            plain(classifier, loss),
            region,
            images,
            starts(settings.start, region, images, start_seed),
            step=step_size(settings, ball, epsilon),
            num_steps=settings.num_steps,
            seed=seed,
        )

    return climb


def pgd_to_the_end(
    classifier: Classifier, settings: config.Pgd, ball: config.Ball
) -> AttackFn:
    """Projected gradient ascent once; its last images count, whatever they break.

    So the loss alone decides where it ends: with "kl" no label has a part in it. The
    arguments are those of `climbing`; there is no info.
    """
    climb = climbing(classifier, settings, ball)

    def attack(
        images: tf.Tensor, labels: tf.Tensor, epsilon: tf.Tensor, seed: tf.Tensor
    ) -> Attacked:
        found = climb(images, labels, epsilon, seed)
        return Attacked(found, errs(classifier(found), labels), {})

    return attack


def pgd_attack(
    classifier: Classifier, settings: config.Pgd, ball: config.Ball
) -> InRounds:
    """Projected gradient ascent with restarts; the best of all iterates is kept.

    What a restart has broken leaves out those that follow.

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

    def first(rows: Rows) -> tuple[Attacked, tf.Tensor]:
        return _worst(rows), tf.zeros([rows.labels.shape[0], 0], tf.int32)

    def search(rows: Rows, targets: tf.Tensor | None, index: tf.Tensor) -> Search:
        del targets
        keys = keyed_noise.folded(rows.keys, index)
        return _restart(rows, classifier, settings, ball, keys)

    return InRounds(first, search, lambda _, best: best, settings.num_restarts, 1)


def _worst(rows: Rows) -> Attacked:
    """The natural images as what any attack is better than."""
    zeros = tf.zeros_like(rows.epsilon)
    info = dict.fromkeys(("loss_before_last", "loss_last", "zero_gradient"), zeros)
    loss = {"loss": zeros - float("inf")}
    return Attacked(rows.images, zeros > 0.0, loss | info)


def _restart(
    rows: Rows,
    classifier: Classifier,
    settings: config.Pgd,
    ball: config.Ball,
    keys: tf.Tensor,
) -> Search:
    """One run of PGD, all of it in one block; its state: where it starts, and ends."""
    region = balls.around(ball, rows.epsilon)
    loss = attack_loss(settings.loss, classifier, rows.images, rows.labels)
    ascent, num_steps = plain(classifier, loss), settings.num_steps
    step = step_size(settings, ball, rows.epsilon)
    kernel = projected_ascent(ascent, region, rows.images, rows.labels, step=step)
    none = tf.zeros([2], tf.int32)  # nothing is drawn on the way

    def opened(_: Attacked) -> tuple[tf.Tensor, Attacked]:
        seed = keyed_noise.part(keys, 2, 0)
        start = starts(settings.start, region, rows.images, seed)
        return region.project(start, rows.images), _worst(rows)

    def advanced(run: tuple[tf.Tensor, Attacked], _: tf.Tensor) -> tuple:
        start, _ = run
        state, _ = iterate(kernel, *kernel.init(start), num_steps, none)
        # A graph leaves out the gradient, which is not used.
        last = finite(ascent(state.images, none))
        wrong = errs(last.logits, rows.labels)
        best = better(Attacked(state.images, wrong, {"loss": last.loss}), state.best)
        info = {
            "loss_before_last": state.loss,
            "loss_last": last.loss,
            "zero_gradient": state.num_zero_gradients / num_steps,
        }
        return start, best._replace(info=best.info | info)

    def closed(best: Attacked, run: tuple[tf.Tensor, Attacked]) -> Attacked:
        return chosen(best.broken, best, better(run[1], best))

    return Search(opened, advanced, closed, lambda run: run[1].broken)
