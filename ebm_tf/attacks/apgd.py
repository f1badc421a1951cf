"""Attacks by Auto-PGD: untargeted, targeted, on classifiers with randomness.

Each starts at the surface of the ball, as AutoAttack does (Croce and Hein, 2020).
"""

from collections.abc import Callable
from typing import Literal

import tensorflow as tf

from ebm_tf.attacks import balls, losses
from ebm_tf.attacks.auto_pgd import (
    AcceptFn,
    auto_pgd,
    climbed,
    first_error,
    highest_loss,
)
from ebm_tf.attacks.gradients import RandomClassifier, averaged, plain, random_gradient
from ebm_tf.attacks.outcomes import Outcome, attacked, merged, natural
from ebm_tf.attacks.targets import likeliest_others, over_targets
from ebm_tf.config.attacks import Ball
from ebm_tf.protocols import AscentFn, Attacked, AttackFn, Classifier

LossName = Literal["cross_entropy", "margin", "dlr"]


def apgd(
    classifier: Classifier, ball: Ball, *, loss: LossName, num_steps: int
) -> AttackFn:
    """APGD from one random start, until the first misclassified image.

    Args:
      classifier: what is attacked.
      ball: whose norm is meant; radii come with the images.
      loss: what is raised.
      num_steps: of ascent.
    """

    def attack(
        images: tf.Tensor, labels: tf.Tensor, epsilon: tf.Tensor, seed: tf.Tensor
    ) -> Attacked:
        logits = classifier(images)
        start = natural(images, logits, labels)
        around = balls.ball(ball.norm, epsilon)
        ascent = plain(
            classifier, lambda logits: losses.OF_LABELS[loss](logits, labels)
        )
        climb = _climbing(ascent, around, images, labels, num_steps=num_steps)
        found = climb(start.broken, tf.random.split(seed, 2))
        return attacked(merged(start, found))

    return attack


def apgd_targeted(
    classifier: Classifier, ball: Ball, *, num_steps: int, num_targets: int
) -> AttackFn:
    """APGD on the targeted DLR loss, for the likeliest wrong classes in turn.

    Of images that never break, the one of the highest loss over all targets is kept.

    Args:
      classifier: what is attacked, of four classes or more.
      ball: whose norm is meant; radii come with the images.
      num_steps: of ascent, for each target.
      num_targets: classes to aim at; fewer where there are fewer.
    """

    def attack(
        images: tf.Tensor, labels: tf.Tensor, epsilon: tf.Tensor, seed: tf.Tensor
    ) -> Attacked:
        logits = classifier(images)
        start = natural(images, logits, labels)
        around = balls.ball(ball.norm, epsilon)

        def aim(targets: tf.Tensor, broken: tf.Tensor, seed: tf.Tensor) -> Outcome:
            ascent = plain(
                classifier,
                lambda logits: losses.targeted_dlr(logits, labels, targets),
            )
            climb = _climbing(ascent, around, images, labels, num_steps=num_steps)
            return climb(broken, tf.random.split(seed, 2))

        targets = likeliest_others(logits, labels, num_targets)
        return attacked(over_targets(aim, targets, start, seed))

    return attack


def apgd_random(
    classifier: RandomClassifier,
    ball: Ball,
    *,
    loss: LossName,
    num_steps: int,
    num_samples: int,
) -> AttackFn:
    """APGD on a classifier with randomness, by means over its noise (EOT).

    A single error of such a classifier may be chance, so nothing stops at one: the
    image of the highest mean loss is kept, and it is broken where the mean logits
    err. Whether the classifier errs at it is for the caller to verify on fresh noise.

    Args:
      classifier: (images, seed) -> logits.
      ball: whose norm is meant; radii come with the images.
      loss: what is raised.
      num_steps: of ascent.
      num_samples: evaluations that each gradient, loss and logit is a mean of.
    """

    def attack(
        images: tf.Tensor, labels: tf.Tensor, epsilon: tf.Tensor, seed: tf.Tensor
    ) -> Attacked:
        single = random_gradient(
            classifier, lambda logits: losses.OF_LABELS[loss](logits, labels)
        )
        ascent = averaged(single, num_samples)
        seeds = tf.random.split(seed, 3)
        logits = ascent(images, seeds[0]).logits
        start = natural(images, logits, labels)
        around = balls.ball(ball.norm, epsilon)
        climb = _climbing(
            ascent, around, images, labels, num_steps=num_steps, accept=highest_loss
        )
        outcome = merged(start, climb(start.broken, seeds[1:]))
        return attacked(outcome._replace(num_queries=num_samples * outcome.num_queries))

    return attack


def _climbing(
    ascent: AscentFn,
    around: balls.Ball,
    images: tf.Tensor,
    labels: tf.Tensor,
    *,
    num_steps: int,
    accept: AcceptFn = first_error,
) -> Callable[[tf.Tensor, tf.Tensor], Outcome]:
    """APGD from a random start, as a function of what is final and of two keys.

    Its arguments are bool [n], where the natural image stays, and int32 [2, 2], the
    keys of the start and of the climb.
    """

    def climb(broken: tf.Tensor, seeds: tf.Tensor) -> Outcome:
        start_seed, seed = tf.unstack(seeds)
        kernel = auto_pgd(
            ascent, around, images, labels, num_steps=num_steps, accept=accept
        )
        starts = around.surface_start(images, start_seed)
        return climbed(kernel, starts, broken, num_steps=num_steps, seed=seed)

    return climb
