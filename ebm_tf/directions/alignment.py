"""How the gradients of a classifier go with directions to other classes.

Source: Bigolin Lanfredi et al. (2023), "Quantifying the preferential direction of the
model gradient in adversarial training with projected gradient descent".
"""

import tensorflow as tf

from ebm_tf.protocols import Classifier, Directions
from ebm_tf.robust_objectives import of_class


def linearised(
    classifier: Classifier, images: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor]:
    """Logits [n, k] of images [n, H, W, C], and their gradients [n, k, H, W, C].

    Each image is to be classified by itself.
    """
    logits = classifier(images)
    num_classes = logits.shape[-1]
    repeated = tf.repeat(images, num_classes, axis=0)
    classes = tf.tile(tf.range(num_classes), [tf.shape(images)[0]])
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(repeated)
        chosen = of_class(classifier(repeated), classes)
    gradients = tape.gradient(chosen, repeated)
    return logits, tf.reshape(gradients, [-1, num_classes, *images.shape[1:]])


def linear_distances(
    logits: tf.Tensor, gradients: tf.Tensor, anchors: tf.Tensor
) -> tf.Tensor:
    """How far images are from every class, if the logits were linear: float32 [n, k].

    (f_a - f_c) / |grad f_a - grad f_c| for the anchor a of an image and the class c;
    negative where f_c is larger already, infinite for the anchor itself.

    Args:
      logits: f, float32 [n, k].
      gradients: of them, [n, k, H, W, C].
      anchors: the class of each image from which to move, integers [n].

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
    if classifier(images).shape[-1] == 2:
        return 1 - labels
    distances = linear_distances(*linearised(classifier, images), labels)
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
