"""Estimators of the gradient that an attack follows."""

import tensorflow as tf

from ebm_tf.attacks.losses import Loss
from ebm_tf.protocols import Ascent, AscentFn, Classifier


def plain(classifier: Classifier, loss: Loss) -> AscentFn:
    """The exact gradient of a deterministic classifier, by images only.

    A classifier that no gradient passes gives zeros, which attacks report.

    Args:
      classifier: images -> logits.
      loss: logits float32 [n, k] -> what is raised, [n].
    """

    def ascent(images: tf.Tensor, seed: tf.Tensor) -> Ascent:
        del seed  # nothing is drawn
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(images)
            logits = classifier(images)
            losses = loss(logits)
        gradient = tape.gradient(
            losses, images, unconnected_gradients=tf.UnconnectedGradients.ZERO
        )
        return Ascent(gradient, losses, logits)

    return ascent
