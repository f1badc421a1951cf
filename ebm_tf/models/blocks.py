"""Layers and small functions that several networks share."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import tensorflow as tf
from keras import activations, initializers, layers

from ebm_tf.errors import ConfigError

Layout = TypeVar("Layout")

# (images, name of the layer) -> normalised images
NormFn = Callable[[Any, str], Any]

# Glorot's bound times the root of 2. As a name and its settings, from which each layer
# makes its own: one object would give layers of the same shape the same kernel.
FOR_RECTIFIERS = {
    "class_name": "VarianceScaling",
    "config": {"scale": 2.0, "mode": "fan_avg", "distribution": "uniform"},
}
# The part of the moving statistics that a training step keeps.
BATCH_NORM_MOMENTUM = 0.99
_POLICIES = {"float32": "float32", "bfloat16": "mixed_bfloat16"}
_ONE_PIXEL_AROUND = [[0, 0], [1, 1], [1, 1], [0, 0]]


def layout_for(layouts: Mapping[int, Layout], image_size: int, network: str) -> Layout:
    """The layout of a network by image size.

    Raises:
      ConfigError: if `network` has no layout for `image_size`.
    """
    if image_size not in layouts:
        sizes = ", ".join(str(size) for size in sorted(layouts))
        raise ConfigError(
            f"Expected image_size={image_size} to be one of {sizes} for the {network}."
        )
    return layouts[image_size]


@dataclass(frozen=True)
class LayerKit:
    """Puts layers of one dtype policy and one activation on symbolic images [B,H,W,C].

    The policy is handed to every layer: the global one of Keras is never touched.

    Attributes:
      policy: of every layer.
      activation: name of a Keras activation.
      initializer: of the kernels of 3x3 convolutions, as Keras names it.
      wrap: what is done with every layer that has a kernel.
    """

    policy: str
    activation: str = "relu"
    initializer: Any = "glorot_uniform"
    wrap: Callable[[layers.Layer], layers.Layer] = lambda layer: layer

    def activate(self, images: Any, name: str) -> Any:
        """Applies the activation."""
        return layers.Activation(self.activation, name=name, dtype=self.policy)(images)

    def conv(self, images: Any, filters: int, name: str) -> Any:
        """Applies a padded 3x3 convolution."""
        layer = layers.Conv2D(
            filters,
            3,
            padding="same",
            kernel_initializer=self.initializer,
            name=name,
            dtype=self.policy,
        )
        return self.wrap(layer)(images)

    def pointwise(self, images: Any, filters: int, name: str) -> Any:
        """Applies a 1x1 convolution."""
        layer = layers.Conv2D(filters, 1, name=name, dtype=self.policy)
        return self.wrap(layer)(images)

    def conv_mean_pool(self, images: Any, filters: int, name: str) -> Any:
        """Applies a padded 3x3 convolution and a 2x2 mean pool."""
        layer = ConvMeanPool(filters, self.initializer, name=name, dtype=self.policy)
        return self.wrap(layer)(images)

    def mean_pool(self, images: Any, name: str) -> Any:
        """Takes means of 2x2 pixels; an odd row or column at the end is dropped."""
        return layers.AveragePooling2D(2, name=name, dtype=self.policy)(images)

    def attention(self, images: Any, name: str) -> Any:
        """Applies self-attention."""
        return SelfAttention(name=name, dtype=self.policy)(images)

    def upsample(self, images: Any, name: str, interpolation: str) -> Any:
        """Doubles the sides; bilinear means half-pixel centres and clamped edges."""
        options = {"interpolation": interpolation, "name": name, "dtype": self.policy}
        return layers.UpSampling2D(2, **options)(images)

    def batch_norm(
        self,
        images: Any,
        epsilon: float,
        name: str,
        *,
        affine: bool = True,
        scale: float = 1.0,
    ) -> Any:
        """Applies batch normalisation, synchronised over replicas.

        It has a scale, which begins with the given one, and an offset of each channel
        where it is `affine`.
        """
        initializer: Any = initializers.Constant(scale)
        layer = layers.BatchNormalization(
            momentum=BATCH_NORM_MOMENTUM,
            epsilon=epsilon,
            center=affine,
            scale=affine,
            gamma_initializer=initializer,
            synchronized=True,
            name=name,
            dtype=self.policy,
        )
        return layer(images)


def layer_kit(dtype: str, activation: str = "relu") -> LayerKit:
    """A kit whose layers compute in `dtype` and hold float32 weights.

    Raises:
      ConfigError: if `dtype` is neither "float32" nor "bfloat16", or Keras knows no
        such activation.
    """
    if dtype not in _POLICIES:
        raise ConfigError(f"Expected dtype={dtype!r} to be one of float32, bfloat16.")
    try:
        activations.get(activation)
    except ValueError as error:
        raise ConfigError(
            f"Expected activation={activation!r} to be one that Keras names."
        ) from error
    return LayerKit(_POLICIES[dtype], activation)


def pooled(features: Any, pooling: str = "mean") -> Any:
    """Features [B,H,W,C] -> their "mean" [B,C], or with "none" all of them [B,HWC].

    It computes in float32 whatever the dtype of the features.
    """
    if pooling == "mean":
        return layers.GlobalAveragePooling2D(name="mean", dtype="float32")(features)
    return layers.Flatten(name="flat", dtype="float32")(features)


def pooled_energy(features: Any, pooling: str = "mean") -> Any:
    """Ends an energy: features [B,H,W,C] -> a weighted sum [B,1] of them, `pooled`."""
    energy = layers.Dense(1, use_bias=False, name="energy", dtype="float32")
    return energy(pooled(features, pooling))


class ConvMeanPool(layers.Layer):
    """A padded 3x3 convolution followed by a 2x2 mean pool, as one strided convolution.

    Convolution and mean commute. So the four pixels that would share a pooled output
    are averaged first, and the kernel is applied once, with stride 2, instead of four
    times: a quarter of the multiplications, and the 3x3 kernel stays the parameter.
    The other exact form, one 4x4 kernel with stride 2, needs four ninths of them and
    is ten times slower on a CPU in bfloat16; this one is the fastest there in both
    dtypes. On a GPU or TPU the two have not been compared.

    Images [B,H,W,C] with even H and W -> [B,H/2,W/2,filters].
    """

    def __init__(
        self, filters: int, initializer: Any = "glorot_uniform", **kwargs: Any
    ) -> None:
        """Sets the number of output channels, and what the kernel begins with."""
        super().__init__(**kwargs)
        self.filters = filters
        self.initializer = initializer

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Creates the 3x3 kernel and the bias.

        Raises:
          ValueError: if a side of the images is odd.
        """
        _, height, width, channels = input_shape
        if any(side is not None and side % 2 for side in (height, width)):
            raise ValueError(f"Expected even sides, got images of {height}x{width}.")
        shape = (3, 3, channels, self.filters)
        self.kernel = self.add_weight(shape, self.initializer, name="kernel")
        self.bias = self.add_weight((self.filters,), "zeros", name="bias")

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """Returns the pooled convolution."""
        padded = tf.pad(inputs, _ONE_PIXEL_AROUND)
        means = tf.nn.avg_pool2d(padded, ksize=2, strides=1, padding="VALID")
        kernel = tf.convert_to_tensor(self.kernel)
        outputs = tf.nn.conv2d(means, kernel, strides=2, padding="VALID")
        return tf.nn.bias_add(outputs, tf.convert_to_tensor(self.bias))


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
