"""Batch normalisation, with a scale and an offset of each class where there are any."""

from typing import Any

import tensorflow as tf
from keras import layers

from ebm_tf.models.blocks import LayerKit, NormFn


def batch_norm(epsilon: float, kit: LayerKit) -> NormFn:
    """Normalises over the batch, whatever its classes."""
    return lambda images, name: kit.batch_norm(images, epsilon, name)


def conditional_batch_norm(classes: Any, epsilon: float, kit: LayerKit) -> NormFn:
    """Normalises over the whole batch, then scales and shifts each image by its class.

    Args:
      classes: one-hot [B,num_classes].
      epsilon: added to the variances.
      kit: makes the layers.

    Source: Dumoulin et al. (2017); Miyato and Koyama (2018).
    """

    def norm(images: Any, name: str) -> Any:
        x = kit.batch_norm(images, epsilon, name, affine=False)
        layer = ClassAffine(name=f"{name}_classes", dtype=kit.policy)
        return layer(x, classes)

    return norm


class ClassAffine(layers.Layer):
    """Scales and shifts channels [B,H,W,C] by the class, given as one-hot [B,K].

    All classes begin with scale 1 and offset 0.
    """

    def build(
        self,
        images_shape: tuple[int | None, ...],
        classes_shape: tuple[int | None, ...],
    ) -> None:
        """Creates a row of scales and one of offsets for each class."""
        shape = (classes_shape[-1], images_shape[-1])
        self.scales = self.add_weight(shape=shape, initializer="ones", name="scales")
        self.offsets = self.add_weight(shape=shape, initializer="zeros", name="offsets")

    def call(self, images: tf.Tensor, classes: tf.Tensor) -> tf.Tensor:
        """Returns the images, changed."""
        # A product with one-hot rows has a dense gradient, unlike a look-up, and
        # gradients are clipped and reduced over replicas as they are.
        classes = tf.cast(classes, images.dtype)
        scales, offsets = (
            tf.matmul(classes, tf.convert_to_tensor(weights))[:, None, None, :]
            for weights in (self.scales, self.offsets)
        )
        return images * scales + offsets
