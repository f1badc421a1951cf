"""Networks that classify images.

All map images [B,H,W,C] in [-1,1] to float32 logits [B,num_classes]; the input of their
last layer is the mean of the features over space. Batch normalisation has the constants
of PyTorch, is synchronised over replicas and obeys the `training` of the call. With
`dtype` "bfloat16" the blocks compute in it. A ConfigError says which `image_size`,
`depth` or `dtype` is not supported.
"""

import math
from typing import Any

import keras
from keras import initializers, layers

from ebm_tf.errors import ConfigError
from ebm_tf.models.blocks import LayerKit, layer_kit
from ebm_tf.pixels import to_unit

LEAST_IMAGE_SIZE = 8
STAGE_BLOCKS = {18: (2, 2, 2, 2), 34: (3, 4, 6, 3)}
STEM_CHANNELS = 16
GROUP_CHANNELS = (16, 32, 64)


def wide_resnet(
    image_size: int,
    channels: int,
    *,
    depth: int = 28,
    width: int = 10,
    num_classes: int = 10,
    dtype: str = "float32",
) -> keras.Model:
    """WRN-depth-width of Zagoruyko and Komodakis (2016), as Hill et al. (2022) use it.

    Each of three groups has `(depth - 4) / 6` blocks and `width` times 16, 32 or 64
    channels. Blocks are pre-activated, the second of their 3x3 convolutions strides,
    every convolution has a bias, and a shortcut that changes shape is a 1x1 convolution
    of the raw input. There is no dropout.

    Statistics of batch normalisation keep 0.9 of their value at an update, which is
    what PyTorch calls momentum=0.1. The TensorFlow code of Hill et al. hands that 0.1
    to Keras inside the blocks, where it means that nearly only the last batch counts.
    """
    _require_size(image_size, "wide_resnet")
    if depth < 10 or depth % 6 != 4:
        raise ConfigError(
            f"Expected depth={depth} to be one of 10, 16, 22, 28 and so on for "
            "wide_resnet."
        )
    kit = layer_kit(dtype)
    images = keras.Input((image_size, image_size, channels), name="images")
    x = kit.conv(images, STEM_CHANNELS, "stem_conv")
    for group, multiple in enumerate(GROUP_CHANNELS, start=1):
        for block in range(1, (depth - 4) // 6 + 1):
            stride = 2 if group > 1 and block == 1 else 1
            name = f"group{group}_block{block}"
            x = _wide_block(x, multiple * width, stride, name, kit)
    x = _norm_activate(x, "final", kit)
    means = layers.GlobalAveragePooling2D(name="mean", dtype="float32")(x)
    logits = layers.Dense(num_classes, name="logits", dtype="float32")(means)
    return keras.Model(images, logits, name=f"wide_resnet_{depth}_{width}")


def _wide_block(
    inputs: Any, filters: int, stride: int, name: str, kit: LayerKit
) -> Any:
    x = _norm_activate(inputs, f"{name}_1", kit)
    x = kit.conv(x, filters, f"{name}_1_conv")
    x = _norm_activate(x, f"{name}_2", kit)
    x = _conv(x, filters, f"{name}_2", kit, stride=stride)
    if stride == 1 and inputs.shape[-1] == filters:
        return x + inputs
    shortcut = layers.Conv2D(
        filters, 1, strides=stride, name=f"{name}_shortcut", dtype=kit.policy
    )
    return x + shortcut(inputs)


def _norm_activate(inputs: Any, name: str, kit: LayerKit) -> Any:
    return kit.activate(_norm(inputs, name, kit), f"{name}_activation")


def resnet(
    image_size: int,
    channels: int,
    *,
    depth: int = 18,
    width: int = 64,
    num_classes: int = 10,
    dtype: str = "float32",
) -> keras.Model:
    """ResNet-18 or -34 of He et al. (2016) with the stem of CIFAR-10.

    The stem is one 3x3 convolution. Each of four stages has twice the channels of the
    one before, from `width` on, and, but for the first, half its side; blocks are
    activated after the sum. The network sees pixels in [0,1]. Initial values, padding
    and statistics are PyTorch's, so that hyper-parameters of robust training mean the
    same here.
    """
    _require_size(image_size, "resnet")
    if depth not in STAGE_BLOCKS:
        depths = ", ".join(map(str, STAGE_BLOCKS))
        raise ConfigError(f"Expected depth={depth} to be one of {depths} for resnet.")
    kit = layer_kit(dtype)
    images = keras.Input((image_size, image_size, channels), name="images")
    x = _conv_norm(to_unit(images), width, "stem", kit)
    x = kit.activate(x, "stem_activation")
    for stage, num_blocks in enumerate(STAGE_BLOCKS[depth], start=1):
        for block in range(1, num_blocks + 1):
            stride = 2 if stage > 1 and block == 1 else 1
            filters = width * 2 ** (stage - 1)
            x = _block(x, filters, stride, f"stage{stage}_block{block}", kit)
    logits = _mean_logits(x, num_classes)
    return keras.Model(images, logits, name=f"resnet_{depth}_{width}")


def _block(inputs: Any, filters: int, stride: int, name: str, kit: LayerKit) -> Any:
    x = _conv_norm(inputs, filters, f"{name}_1", kit, stride=stride)
    x = kit.activate(x, f"{name}_1_activation")
    x = _conv_norm(x, filters, f"{name}_2", kit)
    shortcut = inputs
    if stride > 1 or inputs.shape[-1] != filters:
        shortcut = _conv_norm(
            inputs, filters, f"{name}_shortcut", kit, size=1, stride=stride
        )
    return kit.activate(x + shortcut, f"{name}_2_activation")


def small_cnn(
    image_size: int,
    channels: int,
    *,
    depth: int = 4,
    width: int = 16,
    num_classes: int = 10,
    dtype: str = "float32",
) -> keras.Model:
    """`depth` convolutions, each normalised and activated, a mean and a linear layer.

    It learns digits fast without a GPU. The second and the third convolution halve the
    sides and double the channels, `width` at first. With 4 layers an output has seen
    17 pixels of each side. The network sees pixels in [0,1], so that the zeros around
    an image are as black as the ground of a digit.
    """
    kit = layer_kit(dtype)
    images = keras.Input((image_size, image_size, channels), name="images")
    x, filters = to_unit(images), width
    for layer in range(1, depth + 1):
        stride = 2 if layer in (2, 3) else 1
        filters *= stride
        x = _conv_norm(x, filters, f"layer{layer}", kit, stride=stride)
        x = kit.activate(x, f"layer{layer}_activation")
    logits = _mean_logits(x, num_classes)
    return keras.Model(images, logits, name=f"small_cnn_{depth}_{width}")


def _require_size(image_size: int, network: str) -> None:
    if image_size < LEAST_IMAGE_SIZE:
        raise ConfigError(
            f"Expected image_size={image_size} >= {LEAST_IMAGE_SIZE} for {network}."
        )


def _conv(
    images: Any,
    filters: int,
    name: str,
    kit: LayerKit,
    *,
    stride: int,
    size: int = 3,
    **settings: Any,
) -> Any:
    """A convolution that puts zeros around images symmetrically, as PyTorch does."""
    # The padding "same" of Keras is lopsided at stride 2, and the faster one else.
    pads = size > 1 and stride > 1
    if pads:
        pad = layers.ZeroPadding2D(size // 2, name=f"{name}_pad", dtype=kit.policy)
        images = pad(images)
    conv = layers.Conv2D(
        filters,
        size,
        strides=stride,
        padding="valid" if pads else "same",
        name=f"{name}_conv",
        dtype=kit.policy,
        **settings,
    )
    return conv(images)


def _conv_norm(
    images: Any,
    filters: int,
    name: str,
    kit: LayerKit,
    *,
    stride: int = 1,
    size: int = 3,
) -> Any:
    x = _conv(
        images,
        filters,
        name,
        kit,
        stride=stride,
        size=size,
        use_bias=False,
        kernel_initializer=_fan_in_uniform(),
    )
    return _norm(x, name, kit)


def _norm(images: Any, name: str, kit: LayerKit) -> Any:
    layer = layers.BatchNormalization(
        momentum=0.9,
        epsilon=1e-5,
        synchronized=True,
        name=f"{name}_bn",
        dtype=kit.policy,
    )
    return layer(images)


def _mean_logits(features: Any, num_classes: int) -> Any:
    means = layers.GlobalAveragePooling2D(name="mean", dtype="float32")(features)
    bound = 1.0 / math.sqrt(features.shape[-1])
    bias: Any = initializers.RandomUniform(-bound, bound)
    dense = layers.Dense(
        num_classes,
        kernel_initializer=_fan_in_uniform(),
        bias_initializer=bias,
        name="logits",
        dtype="float32",
    )
    return dense(means)


# Keras annotates what takes it too narrowly for a type checker; hence Any.
def _fan_in_uniform() -> Any:
    """Uniform in +-1 / sqrt(fan in), as in PyTorch; a new one for every layer."""
    return initializers.VarianceScaling(1.0 / 3.0, "fan_in", "uniform")
