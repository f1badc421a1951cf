"""Auto-PGD, whose step sizes set themselves: untargeted, targeted, under randomness.

Each run starts at the surface of the ball, as AutoAttack does. Source of all of it:
Croce and Hein (2020).
"""

from typing import Literal

import tensorflow as tf

from ebm_tf import keyed_noise
from ebm_tf.attacks import balls, losses
from ebm_tf.attacks.apgd_kernel import ApgdState, Run, auto_pgd, is_over, outcome_of
from ebm_tf.attacks.gradients import RandomClassifier, plain, random_gradient
from ebm_tf.attacks.outcomes import Outcome, attacked, likeliest, merged, natural
from ebm_tf.attacks.rounds import InRounds, Rows, Search, num_blocks, steps_of
from ebm_tf.config.attacks import Ball
from ebm_tf.kernels import iterate
from ebm_tf.protocols import Ascent, AscentFn, Attacked, Classifier

LossName = Literal["cross_entropy", "margin", "dlr", "probability_margin"]
BLOCK = 10  # steps of a segment


def apgd(
    classifier: Classifier,
    ball: Ball,
    *,
    loss: LossName,
    num_steps: int,
    stops_at_error: bool = True,
) -> InRounds:
    """APGD from one random start.

    Args:
      classifier: what is attacked.
      ball: whose norm is meant; radii come with the images.
      loss: what is raised.
      num_steps: of ascent.
      stops_at_error: whether the first misclassified image is the last. Else that of
        the highest loss of all steps is kept, and is broken where it is misclassified.
    """

    def first(rows: Rows) -> tuple[Outcome, tf.Tensor]:
        start = natural(rows.images, classifier(rows.images), rows.labels)
        return start, tf.zeros([rows.labels.shape[0], 0], tf.int32)

    def search(rows: Rows, targets: tf.Tensor | None, index: tf.Tensor) -> Search:
        del targets, index  # there is one round, which aims at no class
        ascent = plain(
            classifier, lambda logits: losses.OF_LABELS[loss](logits, rows.labels)
        )
        run = _run(rows, ascent, ball, num_steps, stops_at_error)
        return ascending(run, rows.keys)

    return InRounds(first, search, _last, 1, num_blocks(num_steps, BLOCK))


def apgd_targeted(
    classifier: Classifier,
    ball: Ball,
    *,
    num_steps: int,
    num_targets: int,
    stops_at_error: bool = True,
) -> InRounds:
    """APGD on the targeted DLR loss, for the likeliest wrong classes in turn.

    Of images that never break, the one of the highest loss over all targets is kept.

    Args:
      classifier: what is attacked.
      ball: whose norm is meant; radii come with the images.
      num_steps: of ascent, for each target.
      num_targets: classes to aim at; fewer where there are fewer.
      stops_at_error: as for `apgd`. Where it goes on, it does so to the last step for
        the first class whose best image is misclassified.
    """

    def first(rows: Rows) -> tuple[Outcome, tf.Tensor]:
        logits = classifier(rows.images)
        start = natural(rows.images, logits, rows.labels)
        return start, likeliest(logits, rows.labels, num_targets)

    def search(rows: Rows, targets: tf.Tensor | None, index: tf.Tensor) -> Search:
        ascent = plain(
            classifier, lambda logits: losses.targeted_dlr(logits, rows.labels, targets)
        )
        run = _run(rows, ascent, ball, num_steps, stops_at_error)
        return ascending(run, keyed_noise.folded(rows.keys, index))

    return InRounds(first, search, _last, num_targets, num_blocks(num_steps, BLOCK))


def apgd_random(
    classifier: RandomClassifier,
    ball: Ball,
    *,
    loss: LossName,
    num_steps: int,
    num_samples: int,
) -> InRounds:
    """APGD on a classifier with randomness, by means over its noise (EOT).

    A single error of such a classifier may be chance, so nothing stops at one: the
    image of the highest mean loss is kept, and it is broken where the mean logits
    err. Whether the classifier errs at it is for the caller to verify on fresh noise.

    Args:
      classifier: (images, keys) -> logits.
      ball: whose norm is meant; radii come with the images.
      loss: what is raised.
      num_steps: of ascent.
      num_samples: evaluations that each gradient, loss and logit is a mean of.
    """

    def ascent_of(labels: tf.Tensor) -> AscentFn:
        def of_labels(logits: tf.Tensor) -> tf.Tensor:
            return losses.OF_LABELS[loss](logits, labels)

        return random_gradient(classifier, of_labels, num_samples)

    def first(rows: Rows) -> tuple[Outcome, tf.Tensor]:
        natural_keys = keyed_noise.part(rows.keys, 2, 0)
        output = ascent_of(rows.labels)(rows.images, natural_keys)
        start = natural(rows.images, output.logits, rows.labels)
        return start, tf.zeros([rows.labels.shape[0], 0], tf.int32)

    def search(rows: Rows, targets: tf.Tensor | None, index: tf.Tensor) -> Search:
        del targets, index  # there is one round, which aims at no class
        keys = keyed_noise.part(rows.keys, 2, 1)
        noise_keys = keyed_noise.part(keys, 2, 1)
        ascent = ascent_of(rows.labels)

        def drawn(images: tf.Tensor, seed: tf.Tensor) -> Ascent:
            of_step = keyed_noise.folded(noise_keys, seed[0])
            return ascent(images, keyed_noise.folded(of_step, seed[1]))

        run = _run(rows, drawn, ball, num_steps, stops_at_error=False)
        return ascending(run, keys)

    def last(rows: Rows, best: Outcome) -> Attacked:
        del rows
        return attacked(best._replace(num_queries=num_samples * best.num_queries))

    return InRounds(first, search, last, 1, num_blocks(num_steps, BLOCK))


def _last(rows: Rows, best: Outcome) -> Attacked:
    del rows  # what APGD needs of them it has looked at
    return attacked(best)


def _run(
    rows: Rows, ascent: AscentFn, ball: Ball, num_steps: int, stops_at_error: bool
) -> Run:
    around = balls.around(ball, rows.epsilon)
    return Run(ascent, around, rows.images, rows.labels, num_steps, stops_at_error)


def ascending(run: Run, keys: tf.Tensor) -> Search:
    """A run in blocks, from random starts at the surface.

    A natural image stays if it is broken.

    Args:
      run: what is run; an ascent that draws gets a key [2] of the step, and at the
        starts that of the step after the last.
      keys: a key, or one of each image; the first half of it draws the starts.
    """
    kernel, key = auto_pgd(run), tf.zeros([2], tf.int32)

    def opened(best: Outcome) -> ApgdState:
        start_keys = keyed_noise.part(keys, 2, 0)
        starts = run.ball.surface_start(run.centers, start_keys)
        of_starts = tf.random.fold_in(key, run.num_steps)
        return kernel.init((starts, best.broken, of_starts))[0]

    def advanced(state: ApgdState, block: tf.Tensor) -> ApgdState:
        start, num = steps_of(block, BLOCK, run.num_steps)
        return iterate(kernel, state, (), num, key, start=start, until=is_over)[0]

    def closed(best: Outcome, state: ApgdState) -> Outcome:
        return merged(best, outcome_of(state))

    return Search(opened, advanced, closed, lambda state: state.final)
