"""Estimators of gradients through a random defence, averaged over replicates (EOT).

The loss is of all replicates of an image together, but its gradient with respect to
the logits is all that each of them needs. So an estimator has two parts, `forward` and
`vjp`, between which replicates meet; a caller may run either in chunks.
"""

from collections.abc import Callable
from typing import NamedTuple

import tensorflow as tf

from ebm_tf import keyed_noise
from ebm_tf.attacks import losses
from ebm_tf.protocols import Ascent, AscentFn, Classifier, Defense


class Estimator(NamedTuple):
    """The logits of replicates of images, and what stands for their gradients.

    Attributes:
      forward: (images [m, H, W, C], seeds [m, 2]) -> (points, logits): the logits
        [m, k] of the defended classifier, and the images [m, H, W, C] at which
        `vjp` begins.
      vjp: (points, seeds, gradients with respect to the logits) -> gradients with
        respect to the images.
    """

    forward: Callable[[tf.Tensor, tf.Tensor], tuple[tf.Tensor, tf.Tensor]]
    vjp: Callable[[tf.Tensor, tf.Tensor, tf.Tensor], tf.Tensor]


def bpda(classifier: Classifier, defense: Defense) -> Estimator:
    """Takes the defence for the identity where it is differentiated.

    The gradient at the purified image stands for that at the image (Athalye et al.,
    2018, "BPDA").
    """

    def forward(images: tf.Tensor, seed: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        purified = defense(images, seed)
        return purified, classifier(purified)

    # What was drawn is in the points.
    return Estimator(forward, lambda points, _, slope: _vjp(classifier, points, slope))


def through_chain(
    classifier: Classifier, defense: Defense, defense_gradient: Callable[..., tf.Tensor]
) -> Estimator:
    """Differentiates through the defence itself.

    Args:
      classifier: images -> logits.
      defense: images, seeds -> images.
      defense_gradient: (images, seeds, purified images -> a gradient there) -> that
        gradient with respect to the images.
    """

    def vjp(points: tf.Tensor, seed: tf.Tensor, slope: tf.Tensor) -> tf.Tensor:
        return defense_gradient(
            points, seed, lambda purified: _vjp(classifier, purified, slope)
        )

    return Estimator(
        lambda images, seed: (images, classifier(defense(images, seed))), vjp
    )


def transfer(classifier: Classifier) -> Estimator:
    """Attacks the classifier as if nothing defended it."""
    return bpda(classifier, lambda images, seed: images)


def expected(
    estimator: Estimator,
    loss: Callable[[tf.Tensor], tf.Tensor],
    scores: Callable[[tf.Tensor], tf.Tensor],
    num_replicates: int,
) -> AscentFn:
    """The loss of r replicates of every image, and its gradient.

    Args:
      estimator: of one replicate.
      loss: logits [n, r, k] -> what is raised, [n].
      scores: logits [n, r, k] -> [n, k], the largest of which is the prediction.
      num_replicates: r.

    Returns:
      An ascent whose seed is int32 [n, 2].
    """

    def ascent(images: tf.Tensor, seed: tf.Tensor) -> Ascent:
        keys = keyed_noise.replicate_keys(seed, tf.range(num_replicates))
        copies = tf.repeat(images, num_replicates, axis=0)
        points, flat_logits = estimator.forward(copies, keys)
        num_classes = flat_logits.shape[-1]
        logits = tf.reshape(flat_logits, [-1, num_replicates, num_classes])
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(logits)
            values = loss(logits)
        gradients = tf.reshape(tape.gradient(values, logits), [-1, num_classes])
        gradients = estimator.vjp(points, keys, gradients)
        gradients = tf.reshape(gradients, [-1, num_replicates, *images.shape[1:]])
        return Ascent(tf.reduce_sum(gradients, 1), values, scores(logits))

    return ascent


def averaged_cross_entropy(
    logits: tf.Tensor, labels: tf.Tensor, average: str
) -> tf.Tensor:
    """The cross-entropy [n] of replicates, logits [n, r, k], by what is averaged.

    Args:
      logits: float32 [n, r, k].
      labels: integers [n].
      average: "logits", "loss" or "probabilities".
    """
    if average == "logits":
        return losses.cross_entropy(tf.reduce_mean(logits, 1), labels)
    log_probabilities = tf.nn.log_softmax(logits)
    own = tf.gather(log_probabilities, labels, axis=2, batch_dims=1)
    if average == "probabilities":
        num_replicates = tf.cast(tf.shape(logits)[1], tf.float32)
        return tf.math.log(num_replicates) - tf.reduce_logsumexp(own, 1)
    return -tf.reduce_mean(own, 1)


def averaged_dlr(logits: tf.Tensor, labels: tf.Tensor, average: str) -> tf.Tensor:
    """The difference of logits ratio [n] of replicates, logits [n, r, k].

    Args:
      logits: float32 [n, r, k].
      labels: integers [n].
      average: "logits", of which the ratio is taken, or "loss", the mean ratio.
    """
    if average == "logits":
        return losses.dlr(tf.reduce_mean(logits, 1), labels)
    _, num_replicates, num_classes = logits.shape
    flat = tf.reshape(logits, [-1, num_classes])
    ratios = losses.dlr(flat, tf.repeat(labels, num_replicates))
    return tf.reduce_mean(tf.reshape(ratios, [-1, num_replicates]), 1)


def _vjp(classifier: Classifier, images: tf.Tensor, gradients: tf.Tensor) -> tf.Tensor:
    """Gradients with respect to logits, carried back to the classifier's images."""
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(images)
        logits = classifier(images)
    return tape.gradient(
        logits,
        images,
        output_gradients=gradients,
        unconnected_gradients=tf.UnconnectedGradients.ZERO,
    )
