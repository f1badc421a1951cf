"""Networks from an image, its class and another class to a difference of images.

The classes come as one-hot vectors, the other one first. Bigolin Lanfredi et al. (2019)
have numbers of two classes and their difference, which are affine functions of these.
"""

import dataclasses
import math
from typing import Any, NamedTuple

import keras
from keras import layers, ops

from ebm_tf.errors import ConfigError
from ebm_tf.models.blocks import LayerKit, layer_kit
from ebm_tf.models.classifier_layers import classifier_kit, uniform
from ebm_tf.models.mlp import hidden_layers

EPSILON = 1e-5
# What the scale of the last normalisation begins with: differences of 0.1 a pixel.
FIRST_SCALE = 0.1


class _Inputs(NamedTuple):
    """Symbolic inputs, and the classes [B, 2K] that they say."""

    images: Any
    all: list[Any]
    classes: Any


def _inputs(shape: tuple[int, ...], num_classes: int) -> _Inputs:
    images = keras.Input(shape, name="images")
    labels, wrong = (
        keras.Input((), name=name, dtype="int32") for name in ("labels", "wrong")
    )
    one_hot = [ops.one_hot(classes, num_classes) for classes in (wrong, labels)]
    classes = ops.concatenate(one_hot, axis=-1)
    return _Inputs(images, [images, labels, wrong], classes)


def unet(
    image_size: int,
    channels: int,
    *,
    width: int = 64,
    depth: int = 4,
    num_classes: int = 2,
    dtype: str = "float32",
) -> keras.Model:
    """A U-Net (Ronneberger et al., 2015) whose bottleneck gets both classes.

    Level i has 2^i times the width; a block is a 3x3 convolution, batch normalisation
    and a rectifier. The last block has no rectifier, so that differences have no bound.

    Args:
      image_size: side of the images, which `depth` halvings leave whole.
      channels: of the images.
      width: channels of the first level.
      depth: how often the sides are halved.
      num_classes: of the images.
      dtype: "float32" or "bfloat16", in which the blocks compute.

    Returns:
      A model from [images [B,H,W,C], labels int32 [B], wrong int32 [B]] to float32
      differences [B,H,W,C].

    Raises:
      ConfigError: if the size cannot be halved so often, or `dtype` is not supported.
    """
    side = image_size >> depth
    if side << depth != image_size or side == 0:
        raise ConfigError(
            f"Expected image_size={image_size} to be a multiple of {2**depth} for a "
            f"unet of depth={depth}."
        )
    kit = dataclasses.replace(layer_kit(dtype), initializer="he_normal")
    inputs = _inputs((image_size, image_size, channels), num_classes)
    x, levels = inputs.images, []
    for level in range(depth + 1):
        if level > 0:
            levels.append(x)
            x = layers.MaxPooling2D(2, name=f"pool{level}", dtype=kit.policy)(x)
        for index in (1, 2):
            x = _block(x, width << level, f"down{level}_{index}", kit)
    maps = ops.tile(inputs.classes[:, None, None], (1, side, side, 1))
    x = _join(x, maps, "bottleneck", kit)
    for level in reversed(range(depth)):
        x = kit.upsample(x, f"up{level}_upsample", "bilinear")
        x = _block(x, width << level, f"up{level}_1", kit)
        x = _join(x, levels[level], f"up{level}", kit)
        x = _block(x, width << level, f"up{level}_2", kit)
        if level > 0:
            x = _block(x, width << level, f"up{level}_3", kit)
    x = layer_kit("float32").conv(ops.cast(x, "float32"), channels, "last_conv")
    x = layer_kit("float32").batch_norm(x, EPSILON, "differences", scale=FIRST_SCALE)
    return keras.Model(inputs.all, x, name=f"unet_{depth}_{width}")


def _block(images: Any, filters: int, name: str, kit: LayerKit) -> Any:
    x = kit.conv(images, filters, f"{name}_conv")
    x = kit.batch_norm(x, EPSILON, f"{name}_bn")
    return kit.activate(x, f"{name}_activation")


def _join(images: Any, others: Any, name: str, kit: LayerKit) -> Any:
    join = layers.Concatenate(name=f"{name}_join", dtype=kit.policy)
    return join([images, others])


def dense(
    image_size: int,
    channels: int,
    *,
    width: int = 1000,
    depth: int = 2,
    num_classes: int = 2,
    dtype: str = "float32",
) -> keras.Model:
    """The hidden layers of `mlp.mlp`, and as many values as an image has.

    Args:
      image_size: side of the images.
      channels: of the images.
      width: units of each hidden layer.
      depth: hidden layers.
      num_classes: of the images.
      dtype: "float32" or "bfloat16", in which the hidden layers compute.

    Returns:
      A model as that of `unet`.
    """
    shape = (image_size, image_size, channels)
    kit = classifier_kit(dtype, "relu")
    inputs = _inputs(shape, num_classes)
    flat = layers.Flatten(name="flat", dtype=kit.policy)(inputs.images)
    x = _join(flat, inputs.classes, "classes", kit)
    x = hidden_layers(x, depth, width, kit)
    last = layers.Dense(
        math.prod(shape), name="last", dtype="float32", **uniform(x.shape[-1])
    )
    differences = layers.Reshape(shape, name="differences", dtype="float32")(last(x))
    return keras.Model(inputs.all, differences, name=f"dense_mapper_{depth}_{width}")
