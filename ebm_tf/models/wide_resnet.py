"""Wide residual networks of Zagoruyko and Komodakis (2016) as classifiers."""

from typing import Any

import keras
from keras import layers

from ebm_tf.errors import ConfigError
from ebm_tf.models.blocks import LayerKit, layer_kit
from ebm_tf.models.classifier_blocks import torch_batch_norm

LEAST_IMAGE_SIZE = 8
STEM_CHANNELS = 16
GROUP_CHANNELS = (16, 32, 64)
GROUP_STRIDES = (1, 2, 2)


def classifier(
    image_size: int,
    channels: int,
    *,
    depth: int = 28,
    width: int = 10,
    num_classes: int = 10,
    dtype: str = "float32",
) -> keras.Model:
    """WRN-depth-width, with the details of Hill et al. (2022).

    Blocks are pre-activated, the second of their 3x3 convolutions strides, every
    convolution has a bias, and a shortcut that changes shape is a 1x1 convolution of
    the raw input. There is no dropout.

    Statistics of batch normalisation keep 0.9 of their value at an update, which is
    what PyTorch calls momentum=0.1. The TensorFlow code of Hill et al. hands that 0.1
    to Keras inside the blocks, where it means that nearly only the last batch counts.

    Args:
      image_size: side of the images, at least 8.
      channels: channels of the images.
      depth: 6n + 4, where each of the three groups has n blocks.
      width: factor of the channels 16, 32, 64 of the groups.
      num_classes: number of logits.
      dtype: "float32" or "bfloat16", in which the blocks compute.

    Returns:
      A model from images [B,H,W,C] in [-1,1] to float32 logits [B,num_classes]. The
      input of its last layer is the mean of the features over space, [B,64 width].
      Its batch normalisation is synchronised over replicas and obeys the `training`
      of the call.

    Raises:
      ConfigError: if `image_size`, `depth` or `dtype` is not supported.
    """
    _require_supported(image_size, depth)
    kit = layer_kit(dtype)
    images = keras.Input((image_size, image_size, channels), name="images")
    x = kit.conv(images, STEM_CHANNELS, "stem_conv")
    groups = zip(GROUP_CHANNELS, GROUP_STRIDES, strict=True)
    for group, (multiple, stride) in enumerate(groups, start=1):
        for block in range(1, (depth - 4) // 6 + 1):
            name = f"group{group}_block{block}"
            x = _block(x, multiple * width, stride if block == 1 else 1, name, kit)
    x = _normalise_and_activate(x, "final", kit)
    means = layers.GlobalAveragePooling2D(name="mean", dtype="float32")(x)
    logits = layers.Dense(num_classes, name="logits", dtype="float32")(means)
    return keras.Model(images, logits, name=f"wide_resnet_{depth}_{width}")


def _require_supported(image_size: int, depth: int) -> None:
    if image_size < LEAST_IMAGE_SIZE:
        raise ConfigError(
            f"Expected image_size={image_size} >= {LEAST_IMAGE_SIZE} for wide_resnet."
        )
    if depth < 10 or depth % 6 != 4:
        raise ConfigError(
            f"Expected depth={depth} to be one of 10, 16, 22, 28 and so on for "
            "wide_resnet."
        )


def _block(inputs: Any, filters: int, stride: int, name: str, kit: LayerKit) -> Any:
    x = _normalise_and_activate(inputs, f"{name}_1", kit)
    x = kit.conv(x, filters, f"{name}_1_conv")
    x = _normalise_and_activate(x, f"{name}_2", kit)
    x = _strided_conv(x, filters, stride, f"{name}_2", kit)
    if stride == 1 and inputs.shape[-1] == filters:
        return x + inputs
    shortcut = layers.Conv2D(
        filters, 1, strides=stride, name=f"{name}_shortcut", dtype=kit.policy
    )
    return x + shortcut(inputs)


def _strided_conv(
    inputs: Any, filters: int, stride: int, name: str, kit: LayerKit
) -> Any:
    if stride == 1:
        return kit.conv(inputs, filters, f"{name}_conv")
    # The padding "same" of Keras would add no row above an image of even height.
    pad = layers.ZeroPadding2D(1, name=f"{name}_pad", dtype=kit.policy)
    conv = layers.Conv2D(
        filters, 3, strides=stride, name=f"{name}_conv", dtype=kit.policy
    )
    return conv(pad(inputs))


def _normalise_and_activate(inputs: Any, name: str, kit: LayerKit) -> Any:
    x = torch_batch_norm(inputs, f"{name}_bn", kit)
    return kit.activate(x, f"{name}_activation")
