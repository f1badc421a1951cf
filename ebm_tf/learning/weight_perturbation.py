"""Adversarial weight perturbation: gradients are taken where weights are worse."""

from collections.abc import Sequence

import tensorflow as tf

from ebm_tf.config.classification import WeightPerturbation


def perturbed(
    weights: Sequence[tf.Tensor],
    gradients: Sequence[tf.Tensor],
    settings: WeightPerturbation,
    *,
    update: tf.Tensor,
) -> list[tf.Tensor]:
    """The weights moved up the loss, each kernel by gamma times its own norm.

    Kernels are the tensors of rank above one; biases and the like stay. Nothing has
    to be subtracted after the update, because the weights themselves do not move.

    Args:
      weights: of the network.
      gradients: of the loss in them, the same on all replicas.
      settings: of the perturbation.
      update: updates so far; before the first one that counts, weights stay.

    Source: Wu et al. (2020), eq. 8 to 10.
    """
    first = tf.cast(settings.first_update, update.dtype)

    def moved(weight: tf.Tensor, gradient: tf.Tensor) -> tf.Tensor:
        if weight.shape.rank < 2:
            return weight
        # The length of the step that finds the direction cancels.
        scale = tf.norm(weight) / (tf.norm(gradient) + 1e-20)
        there = weight + settings.gamma * scale * gradient
        return tf.where(update >= first, there, weight)

    return [moved(*pair) for pair in zip(weights, gradients, strict=True)]
