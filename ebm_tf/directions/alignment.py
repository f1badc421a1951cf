"""How the gradients of a classifier go with directions to other classes.

Source: Bigolin Lanfredi et al. (2023), "Quantifying the preferential direction of the
model gradient in adversarial training with projected gradient descent".
"""

import tensorflow as tf

from ebm_tf.protocols import Classifier, Directions
from ebm_tf.robust_objectives import of_class, of_others


def linearised(
    classifier: Classifier, images: tf.Tensor, classes: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor]:
    """Logits [n, m] of m classes of each image, and their gradients [n, m, H, W, C].

    Each image is to be classified by itself.

    Args:
      classifier: images -> logits.
      images: [n, H, W, C].
      classes: integers [n, m].
    """
    num_classes = classes.shape[1]
    repeated = tf.repeat(images, num_classes, axis=0)
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(repeated)
        chosen = of_class(classifier(repeated), tf.reshape(classes, [-1]))
    gradients = tape.gradient(chosen, repeated)
    shape = [-1, num_classes, *images.shape[1:]]
    return tf.reshape(chosen, [-1, num_classes]), tf.reshape(gradients, shape)


def considered(
    logits: tf.Tensor, labels: tf.Tensor, num_wrong: int | None = None
) -> tf.Tensor:
    """The classes among which the closest is sought, of labels' integer type [n, m].

    Args:
      logits: float32 [n, k].
      labels: integers [n], which are among them.
      num_wrong: so many others, by their logits; all, in order, if None.
    """
    num_classes = logits.shape[-1]
    if num_wrong is None or num_wrong >= num_classes - 1:
        everything = tf.range(num_classes, dtype=labels.dtype)
        return tf.tile(everything[None], [tf.shape(labels)[0], 1])
    others = tf.math.top_k(of_others(logits, labels), num_wrong).indices
    return tf.concat([labels[:, None], tf.cast(others, labels.dtype)], 1)


def linear_distances(
    logits: tf.Tensor, gradients: tf.Tensor, anchors: tf.Tensor
) -> tf.Tensor:
    """How far images are from classes, if the logits were linear: float32 [n, m].

    (f_a - f_c) / |grad f_a - grad f_c| for the anchor a of an image and the class c;
    negative where f_c is larger already, infinite for the anchor itself.

    Args:
      logits: f, float32 [n, m].
      gradients: of them, [n, m, H, W, C].
      anchors: the place among the m of the class from which to move, integers [n].

    Source: eq. 5, after Moosavi-Dezfooli et al. (2016).
    """
    own = tf.gather(gradients, anchors, axis=1, batch_dims=1)[:, None]
    slopes = tf.sqrt(tf.reduce_sum(tf.square(own - gradients), [2, 3, 4]))
    gaps = of_class(logits, anchors)[:, None] - logits
    is_anchor = tf.one_hot(anchors, logits.shape[-1], True, False, dtype=tf.bool)
    return tf.where(is_anchor, float("inf"), gaps / tf.maximum(slopes, _LEAST))


def cosine(first: tf.Tensor, second: tf.Tensor) -> tf.Tensor:
    """The cosines [n] of the angles between [n, ...]; 0 where either is 0."""
    one, other = _unit(first), _unit(second)
    return tf.reduce_sum(one * other, axis=-1)


def aligned(
    classifier: Classifier,
    images: tf.Tensor,
    labels: tf.Tensor,
    directions: Directions,
    seed: tf.Tensor,
) -> tf.Tensor:
    """The alignments [n] of images, differentiable in the weights of the classifier.

    The cosine of the gradient of f_c - f_y with the direction to the class c, which is
    the wrong one at the least linear distance.

    Args:
      classifier: f, images -> logits; to be differentiated twice.
      images: [n, H, W, C].
      labels: y, int64 [n].
      directions: to other classes.
      seed: int32 [2], for the directions.

    Source: eq. 8.
    """
    wrong = closest_wrong(classifier, images, labels)
    differences = tf.stop_gradient(directions(images, labels, wrong, seed))
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(images)
        logits = classifier(images)
        gap = of_class(logits, wrong) - of_class(logits, labels)
    return cosine(tape.gradient(gap, images), differences)


def closest_wrong(
    classifier: Classifier, images: tf.Tensor, labels: tf.Tensor
) -> tf.Tensor:
    """The wrong class at the least linear distance, int64 [n]; of two the other one."""
    logits = classifier(images)
    if logits.shape[-1] == 2:
        return 1 - labels
    classes = considered(logits, labels)
    distances = linear_distances(*linearised(classifier, images, classes), labels)
    return tf.argmin(distances, -1, labels.dtype)


# Squares of what is smaller vanish in float32.
_LEAST = 1e-30


def _unit(vectors: tf.Tensor) -> tf.Tensor:
    """Rows of length 1, [n, d], whose gradients are finite; 0 where they are 0."""
    flat = tf.reshape(vectors, [tf.shape(vectors)[0], -1])
    # No factor changes a cosine, and this one keeps squares in range.
    largest = tf.stop_gradient(tf.reduce_max(tf.abs(flat), 1, keepdims=True))
    scaled = tf.math.divide_no_nan(flat, largest)
    squares = tf.reduce_sum(tf.square(scaled), 1, keepdims=True)
    return scaled * tf.math.rsqrt(tf.maximum(squares, _LEAST))
