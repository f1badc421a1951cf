"""What networks that classify are made of, beside the layers of all networks.

Convolutions put zeros around images as PyTorch does, batch normalisation has PyTorch's
constants and is synchronised over replicas, and all ends in logits of float32.
"""

import dataclasses
import math
from collections.abc import Callable
from typing import Any

import tensorflow as tf
from keras import initializers, layers

from ebm_tf.config.networks import AnyNetwork, PixelRange, Standardised
from ebm_tf.errors import ConfigError
from ebm_tf.models.blocks import LayerKit, layer_kit, pooled
from ebm_tf.models.dropout import Dropout
from ebm_tf.pixels import to_scale

LEAST_IMAGE_SIZE = 8
# The range of the pixels that a network sees; the usual one says nothing.
Scale = PixelRange | Standardised
USUAL_SCALE = AnyNetwork.pixel_range


class ClassLogits(layers.Layer):
    """Outputs [B,k+1] of an energy head -> the logits [B,k]; it has no weights.

    The last output is the score of an image, of which its density is the exponential:
    JEM's choice of an energy that is none of the logits (Grathwohl et al., 2020).
    """

    def call(self, outputs: tf.Tensor) -> tf.Tensor:
        """Returns all but the last."""
        return outputs[:, :-1]


class FrozenNormalization(layers.BatchNormalization):
    """Batch normalisation by the moving statistics, which never move."""

    def call(self, inputs: Any, training: Any = None, mask: Any = None) -> Any:
        """Normalises as in inference mode; scale and offset learn."""
        return super().call(inputs, training=False, mask=mask)


# Keras annotates what takes it too narrowly for a type checker; hence Any.
def uniform_kernel() -> Any:
    """Uniform in +-1 / sqrt(fan in), as in PyTorch; a new one for every layer."""
    return initializers.VarianceScaling(1.0 / 3.0, "fan_in", "uniform")


def normal_kernel() -> Any:
    """Normal with variance 2 / fan out (He et al., 2015); a new one for every layer."""
    return initializers.VarianceScaling(2.0, "fan_out", "untruncated_normal")


def uniform(fan_in: int) -> dict[str, Any]:
    """Begins kernel and bias of a layer as PyTorch does, in +-1 / sqrt(fan in)."""
    bound = 1.0 / math.sqrt(fan_in)
    # Both draw a seed when they are made: the order belongs to the initial values.
    return {
        "bias_initializer": initializers.RandomUniform(-bound, bound),
        "kernel_initializer": uniform_kernel(),
    }


@dataclasses.dataclass(frozen=True)
class ClassifierKit(LayerKit):
    """With what classifiers choose besides.

    Attributes:
      norm: "batch", "frozen" or "none".
      dropout: the share that is dropped, in [0, 1).
      kernel: makes what the kernels of normalised convolutions begin with.
    """

    norm: str = "batch"
    dropout: float = 0.0
    kernel: Callable[[], Any] = uniform_kernel

    @property
    def is_normalised(self) -> bool:
        """Whether there are layers of batch normalisation."""
        return self.norm != "none"

    def drop(self, features: Any, index: int) -> Any:
        """Applies the dropout number `index` of a network, from 1 on, if any."""
        if self.dropout == 0:
            return features
        layer = Dropout(self.dropout, index, name=f"dropout_{index}", dtype=self.policy)
        return layer(features)


def classifier_kit(dtype: str, activation: str, **choices: Any) -> ClassifierKit:
    """A kit of such choices; for errors see `blocks.layer_kit`."""
    kit = layer_kit(dtype, activation)
    return ClassifierKit(kit.policy, kit.activation, **choices)


def require_size(image_size: int, network: str, least: int = LEAST_IMAGE_SIZE) -> None:
    """Raises a ConfigError for images that are too small for a network."""
    if image_size < least:
        raise ConfigError(f"Expected image_size={image_size} >= {least} for {network}.")


def as_seen(images: Any, pixel_range: Scale, published: Scale = "0..1") -> Any:
    """Images in [-1,1] -> the pixels that a network sees, by its settings.

    They are the published ones where the settings say nothing else.

    Raises:
      ConfigError: if there are neither one number nor as many as channels.
    """
    scale = published if pixel_range == USUAL_SCALE else pixel_range
    if isinstance(scale, Standardised):
        scale.require_channels(images.shape[-1])
    return to_scale(images, scale)


def conv(
    images: Any,
    filters: int,
    name: str,
    kit: LayerKit,
    *,
    stride: int = 1,
    size: int = 3,
    lopsided: bool = False,
    **settings: Any,
) -> Any:
    """A convolution that puts zeros around images symmetrically, as PyTorch does.

    With `lopsided` it puts them as TensorFlow does: fewer above and to the left.
    """
    if size == 1:
        images, stride = every(images, stride), 1
    # The padding "same" of Keras is lopsided at stride 2, and the faster one else.
    pads = size > 1 and stride > 1 and not lopsided
    if pads:
        pad = layers.ZeroPadding2D(size // 2, name=f"{name}_pad", dtype=kit.policy)
        images = pad(images)
    layer = layers.Conv2D(
        filters,
        size,
        strides=stride,
        padding="valid" if pads else "same",
        name=f"{name}_conv",
        dtype=kit.policy,
        **settings,
    )
    return layer(images)


def every(images: Any, stride: int) -> Any:
    """Every so many-th pixel along each side: all that a 1x1 convolution sees of them.

    They are taken before it, for the gradient of a strided 1x1 convolution of fewer
    than 16 channels writes past its memory in oneDNN (its issue 6035).
    """
    return images if stride == 1 else images[:, ::stride, ::stride]


def unbiased_conv(
    images: Any, filters: int, name: str, kit: ClassifierKit, **how: Any
) -> Any:
    """As `conv`, without a bias, and begun as the kit says."""
    initial = {"use_bias": False, "kernel_initializer": kit.kernel()}
    return conv(images, filters, name, kit, **how, **initial)


def conv_norm(
    images: Any,
    filters: int,
    name: str,
    kit: ClassifierKit,
    *,
    stride: int = 1,
    size: int = 3,
) -> Any:
    """A convolution and its normalisation; one with a bias where there is none."""
    how = {"stride": stride, "size": size}
    if kit.is_normalised:
        return normalised(unbiased_conv(images, filters, name, kit, **how), name, kit)
    initial = uniform(size**2 * images.shape[-1])
    return conv(images, filters, name, kit, **how, **initial)


def normalised(images: Any, name: str, kit: ClassifierKit) -> Any:
    """Images, or features [B,C], after the batch normalisation of a kit, if any."""
    if not kit.is_normalised:
        return images
    kind = FrozenNormalization if kit.norm == "frozen" else layers.BatchNormalization
    layer = kind(
        momentum=0.9,
        epsilon=1e-5,
        synchronized=True,
        name=f"{name}_bn",
        dtype=kit.policy,
    )
    return layer(images)


def norm_activate(images: Any, name: str, kit: ClassifierKit) -> Any:
    """Normalises, if the kit does, and activates."""
    return kit.activate(normalised(images, name, kit), f"{name}_activation")


def class_logits(
    features: Any, num_classes: int, energy_head: bool, **initial: Any
) -> Any:
    """The last layer, of flat features [B,F]; `initial` is for kernel and bias."""
    num_outputs = num_classes + 1 if energy_head else num_classes
    dense = layers.Dense(num_outputs, name="logits", dtype="float32", **initial)
    outputs = dense(features)
    if not energy_head:
        return outputs
    return ClassLogits(name="class_logits", dtype="float32")(outputs)


def pooled_logits(
    features: Any, num_classes: int, energy_head: bool, pooling: str = "mean"
) -> Any:
    """Logits of features [B,H,W,C] after `pooled`, begun as PyTorch does."""
    flat = pooled(features, pooling)
    return class_logits(flat, num_classes, energy_head, **uniform(flat.shape[-1]))
