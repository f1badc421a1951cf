"""The SNGAN discriminator, and spectral normalisation of its layers."""

import dataclasses
from typing import Any

import keras
import tensorflow as tf
from keras import layers, ops

from ebm_tf.models.blocks import FOR_RECTIFIERS, layer_kit
from ebm_tf.models.sngan import (
    ENERGY_LAYOUTS,
    energy_layout,
    flat_block,
    pooling_block,
    stem,
)


class SpectralNorm(layers.Layer):
    """A layer whose kernel is divided by its largest singular value.

    The kernel [.., n] counts as a matrix with n columns. Its singular value is
    estimated by power iteration, one step for each call in training mode; the vector of
    the iteration is kept with the weights. Gradients take the division into account.
    Keras' own layer writes the divided kernel over the kernel instead, and its gradient
    knows of no division, which is another algorithm.

    Source: Miyato et al. (2018), algorithm 1.
    """

    def __init__(self, layer: layers.Layer, **kwargs: Any) -> None:
        """Takes a layer with a kernel, and its name."""
        # The kernel is divided in float32; the layer inside casts as it likes.
        super().__init__(name=layer.name, dtype="float32", autocast=False, **kwargs)
        self.layer: Any = layer

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Builds the layer inside and draws the first vector of the iteration."""
        self.layer.build(input_shape)
        self.vector = self.add_weight(
            shape=(self.layer.kernel.shape[-1],),
            initializer="random_normal",
            trainable=False,
            # All replicas compute the same vector from the same kernel.
            aggregation="only_first_replica",
            name="vector",
        )

    def call(self, inputs: tf.Tensor, training: bool | None = None) -> tf.Tensor:
        """Returns what the layer returns with the divided kernel."""
        kernel = tf.convert_to_tensor(self.layer.kernel)
        matrix = tf.reshape(kernel, [-1, kernel.shape[-1]])
        vector = tf.convert_to_tensor(self.vector)
        if training:
            vector = tf.stop_gradient(iterated(matrix, vector))
            self.vector.assign(vector)
        divided = tf.math.divide_no_nan(kernel, singular_value(matrix, vector))
        values = [(v, tf.convert_to_tensor(v)) for v in self.layer.variables]
        with keras.StatelessScope([*values, (self.layer.kernel, divided)]):
            return self.layer(inputs)


def iterated(matrix: tf.Tensor, vector: tf.Tensor) -> tf.Tensor:
    """One step of power iteration of matrix^T matrix on a vector, at unit length."""
    left = tf.linalg.l2_normalize(tf.linalg.matvec(matrix, vector))
    return tf.linalg.l2_normalize(tf.linalg.matvec(matrix, left, transpose_a=True))


def singular_value(matrix: tf.Tensor, vector: tf.Tensor) -> tf.Tensor:
    """The largest singular value, as far as the unit vector is its right vector.

    Its gradient is that of u^T W v with both vectors held.
    """
    product = tf.linalg.matvec(matrix, vector)
    left = tf.stop_gradient(tf.linalg.l2_normalize(product))
    return tf.tensordot(left, product, 1)


LAYOUTS = ENERGY_LAYOUTS | {32: ENERGY_LAYOUTS[32]._replace(width=128)}


def discriminator(
    image_size: int,
    channels: int,
    *,
    width: int | None = None,
    num_classes: int | None = None,
    num_outputs: int | None = None,
    spectral_norm: bool = True,
    dtype: str = "float32",
) -> keras.Model:
    """The SNGAN discriminator (Miyato et al., 2018), as Lee and Town (2020) train it.

    It differs from the energy in its spectral normalisation, in blocks that are as
    wide inside as their inputs, in a sum over pixels at the end, and in a bias.

    Args:
      image_size: side of the images, one of `sngan.SIZES`.
      channels: channels of the images.
      width: channels of the first block; None is the published width.
      num_classes: of the images; their class is compared with the features (Miyato
        and Koyama, 2018); none if None.
      num_outputs: scores of each image, which come with its features; one, and
        without them, if None.
      spectral_norm: whether every layer is divided by its largest singular value.
      dtype: "float32" or "bfloat16", in which the blocks compute.

    Returns:
      A model from images [B,H,W,C], or from those and classes int32 [B], to float32
      scores [B,1]; with `num_outputs` to [scores [B,num_outputs], features [B,c]]. A
      call with `training` makes one power iteration.

    Raises:
      ConfigError: if `image_size` or `dtype` is not supported.
    """
    layout = energy_layout(LAYOUTS, image_size, "sngan discriminator")
    changes = {"wrap": SpectralNorm} if spectral_norm else {}
    kit = dataclasses.replace(layer_kit(dtype), initializer=FOR_RECTIFIERS, **changes)
    width = width or layout.width
    images = keras.Input((image_size, image_size, channels), name="images")
    x = stem(images, width, kit)
    for index, multiple in enumerate(layout.multiples[1:], start=1):
        block = pooling_block if index < layout.num_pools else flat_block
        inside = x.shape[-1]
        x = block(x, width * multiple, f"block{index + 1}", kit, hidden=inside)
    x = ops.cast(kit.activate(x, "final_activation"), "float32")
    features: Any = ops.sum(x, axis=(1, 2))
    dense = layers.Dense(num_outputs or 1, name="score", dtype="float32")
    scores = kit.wrap(dense)(features)
    name = f"sngan_discriminator_{image_size}"
    if num_outputs is not None:
        return keras.Model(images, [scores, features], name=name)
    if num_classes is None:
        return keras.Model(images, scores, name=name)
    classes = keras.Input((), name="classes", dtype="int32")
    size = features.shape[-1]
    embed = layers.Dense(size, use_bias=False, name="class_embedding", dtype="float32")
    vectors = kit.wrap(embed)(ops.one_hot(classes, num_classes))
    scores += ops.sum(vectors * features, axis=1, keepdims=True)
    return keras.Model([images, classes], scores, name=name)
