"""Spectral normalisation of layers."""

from typing import Any

import keras
import tensorflow as tf
from keras import layers


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
