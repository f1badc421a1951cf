"""The final search of FAB: nearer errors on the way to one that was found."""

from typing import NamedTuple

import tensorflow as tf

from ebm_tf.attacks.balls import per_image
from ebm_tf.attacks.losses import margin
from ebm_tf.attacks.outcomes import chosen, errs
from ebm_tf.kernels import Kernel, iterate
from ebm_tf.protocols import Classifier

SEARCH_STEPS = 3
SEARCH_QUERIES = SEARCH_STEPS + 2.0  # the two ends as well
# Beyond the boundary, in natural margins, so that rounding does not undo an error.
SAFETY = 1e-3


class Segment(NamedTuple):
    """The last stretch before an error: images [n, H, W, C] and their margins [n]."""

    right: tf.Tensor
    right_margin: tf.Tensor
    wrong: tf.Tensor
    wrong_margin: tf.Tensor


def searched(
    classifier: Classifier, centers: tf.Tensor, errors: tf.Tensor, labels: tf.Tensor
) -> tf.Tensor:
    """Nearer errors, on the straight line from the centers to errors.

    Each step looks where the margin would be just above 0 if it were linear between
    the two ends, but in the farther half, where it is curved; and it takes what it
    finds for the one end or the other.

    Source: Croce and Hein (2020), the final search of their section 2.4.
    """

    def look(images: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        logits = classifier(images)
        return margin(logits, labels), errs(logits, labels)

    def step(ends: Segment, seed: tf.Tensor) -> tuple[Segment, tuple]:
        del seed
        difference = ends.wrong_margin - ends.right_margin
        part = tf.math.divide_no_nan(safety - ends.right_margin, difference)
        part = per_image(tf.clip_by_value(part, 0.5, 1.0))
        between = ends.right + part * (ends.wrong - ends.right)
        between_margin, wrong = look(between)
        wrong &= between_margin > 0.5 * safety
        return Segment(
            right=chosen(wrong, ends.right, between),
            right_margin=tf.where(wrong, ends.right_margin, between_margin),
            wrong=chosen(wrong, between, ends.wrong),
            wrong_margin=tf.where(wrong, between_margin, ends.wrong_margin),
        ), ()

    right_margin, _ = look(centers)
    safety = SAFETY * tf.abs(right_margin)
    start = Segment(centers, right_margin, errors, look(errors)[0])
    kernel = Kernel(lambda ends: (ends, ()), step)
    ends, _ = iterate(
        kernel, *kernel.init(start), SEARCH_STEPS, tf.zeros([2], tf.int32)
    )
    return ends.wrong
