"""Losses that attacks raise: of logits [n, k], one for each image."""

from collections.abc import Callable

import tensorflow as tf

from ebm_tf.config.core import require
from ebm_tf.robust_objectives import cross_entropy, divergence, largest_other, of_class

# Logits [n, k] -> losses [n]; labels are bound already.
Loss = Callable[[tf.Tensor], tf.Tensor]


def margin(logits: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
    """The largest other logit less that of the label: positive where it errs.

    Source: Carlini and Wagner (2017), the term of f_6, here for the class to leave.
    """
    return largest_other(logits, labels) - of_class(logits, labels)


def gap(logits: tf.Tensor, labels: tf.Tensor, targets: tf.Tensor) -> tf.Tensor:
    """The logit of the target less that of the label, [n]."""
    return of_class(logits, targets) - of_class(logits, labels)


def dlr(logits: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
    """The margin over the difference of the largest and the third largest logit.

    Neither a shift nor a positive factor of the logits changes it (Croce and Hein,
    2020, eq. 6).

    Raises:
      ConfigError: where there are fewer than three classes.
    """
    _require_classes(logits, 3, "dlr")
    top = tf.math.top_k(logits, 3).values
    return margin(logits, labels) / (top[:, 0] - top[:, 2] + 1e-12)


def targeted_dlr(logits: tf.Tensor, labels: tf.Tensor, targets: tf.Tensor) -> tf.Tensor:
    """The same for a class to aim at (Croce and Hein, 2020, eq. 7).

    Args:
      logits: float32 [n, k].
      labels: of the images, integers [n].
      targets: other classes, integers [n].

    Raises:
      ConfigError: where there are fewer than four classes.
    """
    _require_classes(logits, 4, "targeted dlr")
    top = tf.math.top_k(logits, 4).values
    spread = top[:, 0] - 0.5 * (top[:, 2] + top[:, 3])
    return gap(logits, labels, targets) / (spread + 1e-12)


OF_LABELS = {"cross_entropy": cross_entropy, "margin": margin, "dlr": dlr}


def attack_loss(
    kind: str, classifier: Loss, images: tf.Tensor, labels: tf.Tensor
) -> Loss:
    """The loss of a kind that `Pgd` names, bound to images and their labels.

    Args:
      kind: "cross_entropy", "margin", "dlr" or "kl".
      classifier: images -> logits; only "kl" asks it, once.
      images: natural ones [n, H, W, C].
      labels: theirs, integers [n].
    """
    if kind == "kl":
        natural = tf.stop_gradient(classifier(images))
        return lambda logits: divergence(natural, logits)
    return lambda logits: OF_LABELS[kind](logits, labels)


def _require_classes(logits: tf.Tensor, least: int, name: str) -> None:
    require(
        logits.shape[-1] >= least,
        f"Expected num_classes={logits.shape[-1]} to be at least {least} for the "
        f"{name} loss; take margin or cross_entropy.",
    )
