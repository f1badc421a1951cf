"""What the attacks of AutoAttack share: the best images so far, and likely classes."""

from typing import Any, NamedTuple

import tensorflow as tf

from ebm_tf.protocols import Attacked
from ebm_tf.robust_objectives import of_others


class Outcome(NamedTuple):
    """The best images so far, and what it took to find them.

    Attributes:
      images: float32 [n, H, W, C].
      broken: bool [n], whether the classifier errs at them; such images are final.
      score: float32 [n], by which images that are not broken are ranked.
      last_rise: float32 [n], how much the loss rose in the last tenth of the steps.
      num_gradients: float32 [n], that were taken.
      num_zero_gradients: float32 [n], of these were exactly 0.
      num_queries: float32 [n], forward evaluations.
    """

    images: tf.Tensor
    broken: tf.Tensor
    score: tf.Tensor
    last_rise: tf.Tensor
    num_gradients: tf.Tensor
    num_zero_gradients: tf.Tensor
    num_queries: tf.Tensor


def predicted(logits: tf.Tensor) -> tf.Tensor:
    """The class of the largest of logits [n, k], int64 [n]; -1 where one is not finite.

    So an image without a prediction is an error, whatever its label.
    """
    finite = tf.reduce_all(tf.math.is_finite(logits), -1)
    return tf.where(finite, tf.argmax(logits, -1), -1)


def errs(logits: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
    """Whether the prediction of logits [n, k] is not the label, bool [n]."""
    return predicted(logits) != tf.cast(labels, tf.int64)


def natural(images: tf.Tensor, logits: tf.Tensor, labels: tf.Tensor) -> Outcome:
    """Before an attack on images of logits [n, k]: errors are final already."""
    broken = errs(logits, labels)
    zeros = tf.zeros(tf.shape(broken))
    return Outcome(
        images, broken, zeros - float("inf"), zeros, zeros, zeros, zeros + 1.0
    )


def chosen(first: tf.Tensor, one: Any, other: Any) -> Any:
    """Of two nests of tensors [n, ...], one where `first`, bool [n], else the other."""

    def choose(one: tf.Tensor, other: tf.Tensor) -> tf.Tensor:
        return tf.where(
            tf.reshape(first, [-1] + [1] * (len(one.shape) - 1)), one, other
        )

    return tf.nest.map_structure(choose, one, other)


def merged(old: Outcome, new: Outcome) -> Outcome:
    """The better images of two attacks of which the second left broken ones alone."""
    better = ~old.broken & (new.broken | (new.score > old.score))
    return Outcome(
        images=chosen(better, new.images, old.images),
        broken=old.broken | new.broken,
        score=tf.where(better, new.score, old.score),
        last_rise=tf.maximum(old.last_rise, new.last_rise),
        num_gradients=old.num_gradients + new.num_gradients,
        num_zero_gradients=old.num_zero_gradients + new.num_zero_gradients,
        num_queries=old.num_queries + new.num_queries,
    )


def attacked(outcome: Outcome) -> Attacked:
    """The result of an attack, with the diagnostics that all of them have.

    The info has "loss_last_rise", how much the loss still rose in the last tenth of
    the steps (0 where the image broke); "zero_gradient", the share of gradients that
    were exactly 0; and "num_queries", the forward evaluations until it broke.
    """
    info = {
        "loss_last_rise": tf.where(outcome.broken, 0.0, outcome.last_rise),
        "zero_gradient": tf.math.divide_no_nan(
            outcome.num_zero_gradients, outcome.num_gradients
        ),
        "num_queries": outcome.num_queries,
    }
    return Attacked(outcome.images, outcome.broken, info)


def likeliest(logits: tf.Tensor, labels: tf.Tensor, num_targets: int) -> tf.Tensor:
    """The classes [n, r] of the largest logits [n, k] but for the label's.

    They are as many as are wanted, or as there are.
    """
    num_targets = min(num_targets, logits.shape[-1] - 1)
    return tf.math.top_k(of_others(logits, labels), num_targets).indices
