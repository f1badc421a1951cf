"""Residual networks; what they share with all is in `models.classifiers`.

Each of four stages has twice the channels of the one before, from `width` on, and, but
for the first, half its side. From a depth of 50 on blocks are bottlenecks, which have
four times as many channels at their ends. Padding and statistics are PyTorch's.
"""

from typing import Any

import keras
import tensorflow as tf
from keras import layers

from ebm_tf.errors import ConfigError
from ebm_tf.models.classifier_layers import (
    USUAL_SCALE,
    ClassifierKit,
    Scale,
    as_seen,
    classifier_kit,
    conv_norm,
    norm_activate,
    normal_kernel,
    pooled_logits,
    require_size,
    unbiased_conv,
    uniform_kernel,
)

STAGE_BLOCKS = {18: (2, 2, 2, 2), 34: (3, 4, 6, 3), 50: (3, 4, 6, 3)}
BOTTLENECKS_FROM, EXPANSION = 50, 4
LEAST_IMAGE_SIZES = {"cifar": 8, "imagenet": 32}


def resnet(
    image_size: int,
    channels: int,
    *,
    depth: int = 18,
    width: int = 64,
    num_classes: int = 10,
    dtype: str = "float32",
    activation: str = "relu",
    norm: str = "batch",
    energy_head: bool = False,
    stem: str = "cifar",
    pixel_range: Scale = USUAL_SCALE,
) -> keras.Model:
    """ResNet-18, -34 or -50 of He et al. (2016), whose blocks activate after the sum.

    The `stem` for images of CIFAR-10 is one 3x3 convolution; that for ImageNet is a
    7x7 one and the largest of 3x3, each at a stride of 2. In bottlenecks the 3x3
    convolution strides, as in PyTorch's own. The network sees pixels in [0,1], or what
    `pixel_range` says. Initial values are those of PyTorch's programs, so that
    hyper-parameters of robust training mean the same here.
    """
    choices = {"dtype": dtype, "activation": activation, "norm": norm}
    kit = _kit("resnet", image_size, depth, stem, **choices)
    images = keras.Input((image_size, image_size, channels), name="images")
    x = as_seen(images, pixel_range)
    large = stem == "imagenet"
    x = conv_norm(x, width, "stem", kit, size=7 if large else 3, stride=1 + large)
    x = kit.activate(x, "stem_activation")
    if large:
        x = _max_pool(x, kit)
    x = _stages(x, depth, width, _bottleneck if _is_deep(depth) else _block, kit)
    logits = pooled_logits(x, num_classes, energy_head)
    return keras.Model(images, logits, name=f"resnet_{depth}_{width}")


def preact_resnet(
    image_size: int,
    channels: int,
    *,
    depth: int = 18,
    width: int = 64,
    num_classes: int = 10,
    dtype: str = "float32",
    activation: str = "relu",
    norm: str = "batch",
    energy_head: bool = False,
    stem: str = "cifar",
    pixel_range: Scale = USUAL_SCALE,
    final_norm: bool = True,
    raw_shortcut: bool = False,
) -> keras.Model:
    """The same with blocks that activate first (He et al., 2016, "Identity mappings").

    A shortcut that changes shape is a 1x1 convolution of the activated input, or, with
    `raw_shortcut`, of the raw one. The last sum is normalised and activated, as in Rice
    et al. (2020), unless `final_norm` is False, as in Wong et al. (2020).
    """
    choices = {"dtype": dtype, "activation": activation, "norm": norm}
    kit = _kit("preact_resnet", image_size, depth, stem, **choices)
    images = keras.Input((image_size, image_size, channels), name="images")
    x = as_seen(images, pixel_range)
    if stem == "imagenet":
        x = _max_pool(unbiased_conv(x, width, "stem", kit, size=7, stride=2), kit)
    else:
        x = unbiased_conv(x, width, "stem", kit)

    def block(*where: Any) -> Any:
        return _preact_block(*where, deep=_is_deep(depth), raw_shortcut=raw_shortcut)

    x = _stages(x, depth, width, block, kit)
    if final_norm:
        x = norm_activate(x, "final", kit)
    logits = pooled_logits(x, num_classes, energy_head)
    return keras.Model(images, logits, name=f"preact_resnet_{depth}_{width}")


def _kit(
    network: str, image_size: int, depth: int, stem: str, **choices: str
) -> ClassifierKit:
    require_size(image_size, network, LEAST_IMAGE_SIZES[stem])
    if depth not in STAGE_BLOCKS:
        depths = ", ".join(map(str, STAGE_BLOCKS))
        raise ConfigError(
            f"Expected depth={depth} to be one of {depths} for {network}."
        )
    kernel = normal_kernel if stem == "imagenet" else uniform_kernel
    return classifier_kit(**choices, kernel=kernel)


def _is_deep(depth: int) -> bool:
    return depth >= BOTTLENECKS_FROM


def _stages(x: Any, depth: int, width: int, block: Any, kit: ClassifierKit) -> Any:
    for stage, num_blocks in enumerate(STAGE_BLOCKS[depth], start=1):
        for number in range(1, num_blocks + 1):
            stride = 2 if stage > 1 and number == 1 else 1
            filters = width * 2 ** (stage - 1)
            x = block(x, filters, stride, f"stage{stage}_block{number}", kit)
    return x


def _block(
    inputs: Any, filters: int, stride: int, name: str, kit: ClassifierKit
) -> Any:
    x = conv_norm(inputs, filters, f"{name}_1", kit, stride=stride)
    x = kit.activate(x, f"{name}_1_activation")
    x = conv_norm(x, filters, f"{name}_2", kit)
    shortcut = _shortcut(inputs, filters, stride, name, kit)
    return kit.activate(x + shortcut, f"{name}_2_activation")


def _bottleneck(
    inputs: Any, filters: int, stride: int, name: str, kit: ClassifierKit
) -> Any:
    x = conv_norm(inputs, filters, f"{name}_1", kit, size=1)
    x = kit.activate(x, f"{name}_1_activation")
    x = conv_norm(x, filters, f"{name}_2", kit, stride=stride)
    x = kit.activate(x, f"{name}_2_activation")
    x = conv_norm(x, EXPANSION * filters, f"{name}_3", kit, size=1)
    shortcut = _shortcut(inputs, EXPANSION * filters, stride, name, kit)
    return kit.activate(x + shortcut, f"{name}_3_activation")


def _shortcut(
    inputs: Any, filters: int, stride: int, name: str, kit: ClassifierKit
) -> Any:
    if stride == 1 and inputs.shape[-1] == filters:
        return inputs
    return conv_norm(inputs, filters, f"{name}_shortcut", kit, size=1, stride=stride)


def _preact_block(
    inputs: Any,
    filters: int,
    stride: int,
    name: str,
    kit: ClassifierKit,
    *,
    deep: bool,
    raw_shortcut: bool,
) -> Any:
    # Channels, side of the kernel and stride of each convolution.
    ends = EXPANSION * filters
    convs = [(filters, 3, stride), (filters, 3, 1)]
    if deep:
        convs = [(filters, 1, 1), (filters, 3, stride), (ends, 1, 1)]
    x, activated = inputs, None
    for index, (channels, size, step) in enumerate(convs, start=1):
        x = norm_activate(x, f"{name}_{index}", kit)
        activated = x if activated is None else activated
        x = unbiased_conv(x, channels, f"{name}_{index}", kit, size=size, stride=step)
    if stride == 1 and inputs.shape[-1] == x.shape[-1]:
        return x + inputs
    seen = inputs if raw_shortcut else activated
    how = {"size": 1, "stride": stride}
    return x + unbiased_conv(seen, x.shape[-1], f"{name}_shortcut", kit, **how)


class MaxPool(layers.Layer):
    """The largest of 3x3 at a stride of 2, of which none lies outside the image.

    Images [B,H,W,C] -> [B,(H+1)//2,(W+1)//2,C], as PyTorch's with padding 1.
    """

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """Returns the pooled images."""
        pads = [[0, 0], [1, 1], [1, 1], [0, 0]]
        padded = tf.pad(inputs, pads, constant_values=inputs.dtype.min)
        return tf.nn.max_pool2d(padded, ksize=3, strides=2, padding="VALID")


def _max_pool(images: Any, kit: ClassifierKit) -> Any:
    return MaxPool(name="stem_pool", dtype=kit.policy)(images)
