"""Losses that attacks raise: of logits [n, k], one for each image."""

from collections.abc import Callable

import tensorflow as tf

from ebm_tf.config.attacks import DLR_CLASSES, TARGETED_DLR_CLASSES
from ebm_tf.robust_objectives import cross_entropy, divergence, largest_other, of_class

# Logits [n, k] -> losses [n]; labels are bound already.
Loss = Callable[[tf.Tensor], tf.Tensor]


def margin(logits: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
    """The largest other logit less that of the label: positive where it errs.

    Source: Carlini and Wagner (2017), the term of f_6, here for the class to leave.
    """
    return largest_other(logits, labels) - of_class(logits, labels)


def probability_margin(logits: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
    """The largest other probability less that of the label, in [-1, 1].

    Source: PMA (arXiv 2411.15210), which raises it by APGD.
    """
    return margin(tf.nn.softmax(logits), labels)


def gap(logits: tf.Tensor, labels: tf.Tensor, targets: tf.Tensor) -> tf.Tensor:
    """The logit of the target less that of the label, [n]."""
    return of_class(logits, targets) - of_class(logits, labels)


def dlr(logits: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
    """The margin over the difference of the largest and the third largest logit.

    Neither a shift nor a positive factor of the logits changes it (Croce and Hein,
    2020, eq. 6). Two classes have no third logit: of these it is the margin.
    """
    if logits.shape[-1] < DLR_CLASSES:
        return margin(logits, labels)
    top = tf.math.top_k(logits, 3).values
    return margin(logits, labels) / (top[:, 0] - top[:, 2] + 1e-12)


def targeted_dlr(logits: tf.Tensor, labels: tf.Tensor, targets: tf.Tensor) -> tf.Tensor:
    """The same for a class to aim at (Croce and Hein, 2020, eq. 7).

    Fewer than four classes have no fourth logit: of these it is the gap.

    Args:
      logits: float32 [n, k].
      labels: of the images, integers [n].
      targets: other classes, integers [n].
    """
    if logits.shape[-1] < TARGETED_DLR_CLASSES:
        return gap(logits, labels, targets)
    top = tf.math.top_k(logits, 4).values
    spread = top[:, 0] - 0.5 * (top[:, 2] + top[:, 3])
    return gap(logits, labels, targets) / (spread + 1e-12)


OF_LABELS = {
    "cross_entropy": cross_entropy,
    "margin": margin,
    "dlr": dlr,
    "probability_margin": probability_margin,
}


def attack_loss(
    kind: str, classifier: Loss, images: tf.Tensor, labels: tf.Tensor
) -> Loss:
    """The loss of a kind that `Pgd` names, bound to images and their labels.

    Args:
      kind: "cross_entropy", "margin", "dlr", "probability_margin" or "kl".
      classifier: images -> logits; only "kl" asks it, once.
      images: natural ones [n, H, W, C].
      labels: theirs, integers [n].
    """
    if kind == "kl":
        natural = tf.stop_gradient(classifier(images))
        return lambda logits: divergence(natural, logits)
    return lambda logits: OF_LABELS[kind](logits, labels)
