"""Self-attention between the pixels of an image."""

import tensorflow as tf
from keras import layers


class SelfAttention(layers.Layer):
    """Attention of every pixel to a 2x2 max-pooled image (Zhang et al., 2019).

    x + gamma o(softmax(theta(x) phi(x)^T) g(x)), without scaling; gamma starts at 0,
    so that the layer starts as the identity. Images [B,H,W,C] -> [B,H,W,C].
    """

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Creates the four 1x1 convolutions and gamma."""
        channels = int(input_shape[-1] or 0)
        keys, self.values = max(channels // 8, 1), max(channels // 2, 1)
        self.theta = self._pointwise(keys, "theta", input_shape)
        self.phi = self._pointwise(keys, "phi", input_shape)
        self.g = self._pointwise(self.values, "g", input_shape)
        self.o = self._pointwise(channels, "o", (*input_shape[:-1], self.values))
        self.gamma = self.add_weight(shape=(1,), initializer="zeros", name="gamma")

    def _pointwise(
        self, filters: int, name: str, input_shape: tuple[int | None, ...]
    ) -> layers.Conv2D:
        layer = layers.Conv2D(
            filters, 1, use_bias=False, name=name, dtype=self.dtype_policy
        )
        layer.build(input_shape)
        return layer

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """Returns the images with what each pixel attended to added."""
        shape = tf.shape(inputs)[:-1]
        queries = _as_rows(self.theta(inputs))
        keys = _as_rows(_max_pool(self.phi(inputs)))
        values = _as_rows(_max_pool(self.g(inputs)))
        weights = tf.nn.softmax(tf.matmul(queries, keys, transpose_b=True))
        attended = tf.matmul(weights, values)
        attended = tf.reshape(attended, tf.concat([shape, [self.values]], axis=0))
        return inputs + tf.convert_to_tensor(self.gamma) * self.o(attended)


def _as_rows(images: tf.Tensor) -> tf.Tensor:
    shape = tf.shape(images)
    return tf.reshape(images, [shape[0], shape[1] * shape[2], images.shape[-1]])


def _max_pool(images: tf.Tensor) -> tf.Tensor:
    return tf.nn.max_pool2d(images, ksize=2, strides=2, padding="VALID")
