"""Means over the randomness of a classifier (Athalye et al., 2018, "EOT")."""

from typing import Any, Protocol

import tensorflow as tf

from ebm_tf.attacks.gradients import plain
from ebm_tf.attacks.losses import Loss
from ebm_tf.kernels import Kernel, iterate
from ebm_tf.protocols import Ascent, AscentFn


class RandomClassifier(Protocol):
    """Images [n, H, W, C] in [-1, 1], and a key of what is drawn -> logits [n, k]."""

    def __call__(self, images: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        """Returns the logits of one draw."""
        ...


def random_gradient(classifier: RandomClassifier, loss: Loss) -> AscentFn:
    """The exact gradient at one draw of a classifier, the draw of the seed."""

    def ascent(images: tf.Tensor, seed: tf.Tensor) -> Ascent:
        return plain(lambda images: classifier(images, seed), loss)(images, seed)

    return ascent


def averaged(ascent: AscentFn, num_samples: int) -> AscentFn:
    """Means of gradients, losses and logits over a number of keys."""

    def mean(images: tf.Tensor, seed: tf.Tensor) -> Ascent:
        def add(total: Ascent, seed: tf.Tensor) -> tuple[Ascent, Any]:
            return tf.nest.map_structure(tf.add, total, ascent(images, seed)), ()

        kernel = Kernel(lambda total: (total, ()), add)
        first = ascent(images, tf.random.fold_in(seed, 0))
        total, _ = iterate(kernel, *kernel.init(first), num_samples - 1, seed, start=1)
        return tf.nest.map_structure(lambda value: value / num_samples, total)

    return mean
