"""Batch normalisation, with a scale and an offset of each class where there are any."""

import math
from typing import Any, NamedTuple

import tensorflow as tf
from keras import layers

from ebm_tf.errors import ConfigError
from ebm_tf.models.blocks import LayerKit, NormFn

Shape = tuple[int | None, ...]


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

    def build(self, images_shape: Shape, classes_shape: Shape) -> None:
        """Creates a row of scales and one of offsets for each class."""
        shape = (classes_shape[-1], images_shape[-1])
        self.scales = self.add_weight(shape=shape, initializer="ones", name="scales")
        self.offsets = self.add_weight(shape=shape, initializer="zeros", name="offsets")

    def call(self, images: tf.Tensor, classes: tf.Tensor) -> tf.Tensor:
        """Returns the scaled and shifted images."""
        # A product with one-hot rows has a dense gradient, unlike a look-up, and
        # gradients are clipped and reduced over replicas as they are.
        classes = tf.cast(classes, images.dtype)
        scales, offsets = (
            tf.matmul(classes, tf.convert_to_tensor(weights))[:, None, None, :]
            for weights in (self.scales, self.offsets)
        )
        return images * scales + offsets


NUM_ROWS = 51
_ROWS_PER_UNIT = NUM_ROWS - 1


class Interpolation(NamedTuple):
    """Two rows of a table and the weight of the upper one."""

    lower: int
    upper: int
    weight: float


def interpolation(truncation: float) -> Interpolation:
    """The rows of a table with steps of 0.02 that enclose `truncation`.

    Raises:
      ConfigError: if `truncation` is not in [0, 1].
    """
    if not 0.0 <= truncation <= 1.0:
        raise ConfigError(f"Expected truncation={truncation} in [0, 1].")
    # 0.58 * 50 is 28.999...: cut without rounding it would name row 28 instead of 29.
    position = round(truncation * _ROWS_PER_UNIT, 6)
    lower = math.floor(position)
    return Interpolation(lower, min(lower + 1, _ROWS_PER_UNIT), position - lower)


class _TabulatedNorm(layers.Layer):
    """Tables of means and variances [51,C], read at one truncation.

    They come with converted weights and do not learn; fresh ones are mean 0 and
    variance 1.
    """

    def __init__(self, truncation: float, epsilon: float, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.rows = interpolation(truncation)
        self.epsilon = epsilon

    def _build_tables(self, channels: int | None) -> None:
        self.means = self._constant("means", "zeros", (NUM_ROWS, channels))
        self.variances = self._constant("variances", "ones", (NUM_ROWS, channels))

    def _constant(self, name: str, start: str, shape: Shape) -> Any:
        return self.add_weight(shape, start, trainable=False, autocast=False, name=name)

    def _read(self, table: Any) -> tf.Tensor:
        lower, upper, weight = self.rows
        return table[lower] * (1.0 - weight) + table[upper] * weight

    def _normalize(
        self, images: tf.Tensor, gain: tf.Tensor, offset: tf.Tensor
    ) -> tf.Tensor:
        # Folded in float32 to one factor and one term, so that a bfloat16 network
        # rounds them once and touches the images once.
        factor = gain * tf.math.rsqrt(self._read(self.variances) + self.epsilon)
        term = offset - self._read(self.means) * factor
        return images * tf.cast(factor, images.dtype) + tf.cast(term, images.dtype)


class TabulatedNorm(_TabulatedNorm):
    """Normalisation with a fixed gain and offset per channel (Brock et al., 2019).

    Gain and offset come with converted weights as the tables do. Images [B,H,W,C] ->
    [B,H,W,C].
    """

    def build(self, input_shape: Shape) -> None:
        """Creates the tables, the gain and the offset."""
        channels = input_shape[-1]
        self._build_tables(channels)
        self.gain = self._constant("gain", "ones", (channels,))
        self.offset = self._constant("offset", "zeros", (channels,))

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """Returns the normalised images."""
        gain, offset = (tf.convert_to_tensor(v) for v in (self.gain, self.offset))
        return self._normalize(inputs, gain, offset)


class ConditionalTabulatedNorm(_TabulatedNorm):
    """Normalisation with gain and offset linear in a condition (Brock et al., 2019).

    Images [B,H,W,C] and conditions [B,D] -> images [B,H,W,C].
    """

    def build(self, images_shape: Shape, condition_shape: Shape) -> None:
        """Creates the tables and the two projections of the condition."""
        self._build_tables(images_shape[-1])
        self.scale, self.offset = (
            layers.Dense(
                images_shape[-1], use_bias=False, name=name, dtype=self.dtype_policy
            )
            for name in ("scale", "offset")
        )
        for layer in (self.scale, self.offset):
            layer.build(condition_shape)

    def call(self, images: tf.Tensor, condition: tf.Tensor) -> tf.Tensor:
        """Returns the normalised images."""
        scale, offset = (
            tf.cast(layer(condition), tf.float32)[:, None, None]
            for layer in (self.scale, self.offset)
        )
        return self._normalize(images, 1.0 + scale, offset)

    def compute_output_shape(
        self, images_shape: Shape, condition_shape: Shape
    ) -> Shape:
        """Returns the shape of the images."""
        del condition_shape
        return images_shape
