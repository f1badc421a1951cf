"""The attack that a classifier learns from, and adversarial weight perturbation."""

from collections.abc import Callable, Sequence

import tensorflow as tf

from ebm_tf.attacks.pgd import climbing
from ebm_tf.config.attacks import Ball, Pgd
from ebm_tf.config.classification import WeightPerturbation
from ebm_tf.pixels import from_255ths
from ebm_tf.protocols import Classifier

# (images, labels, seed) -> attacked images.
PerturbFn = Callable[[tf.Tensor, tf.Tensor, tf.Tensor], tf.Tensor]


def adversary(
    classifier: Classifier, settings: Pgd, ball_settings: Ball, *, jit: bool = False
) -> PerturbFn:
    """The attack of learning, whose last images are learned from.

    Args:
      classifier: what is attacked, in inference mode.
      settings: loss, start and steps; restarts are for measurements.
      ball_settings: where images may go.
      jit: whether XLA compiles it.
    """
    climb = climbing(classifier, settings, ball_settings)
    radius = from_255ths(ball_settings.epsilon)

    @tf.function(autograph=False, jit_compile=jit)
    def attack(images: tf.Tensor, labels: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        epsilon = tf.fill(tf.shape(images)[:1], radius)
        return climb(images, labels, epsilon, seed)

    return attack


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
