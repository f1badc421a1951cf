"""Wide residual networks; what they share with all is in `models.classifiers`.

Each of three groups has `(depth - 4) / 6` blocks and `width` times 16, 32 or 64
channels, and every block is pre-activated. The published ones differ in the rest.
"""

from collections.abc import Callable
from typing import Any

import keras
from keras import layers

from ebm_tf.config.networks import Standardised
from ebm_tf.errors import ConfigError
from ebm_tf.models.blocks import pooled
from ebm_tf.models.classifier_layers import (
    USUAL_SCALE,
    ClassifierKit,
    Scale,
    as_seen,
    class_logits,
    classifier_kit,
    conv,
    every,
    norm_activate,
    normal_kernel,
    pooled_logits,
    require_size,
    unbiased_conv,
    uniform,
)

STEM_CHANNELS = 16
GROUP_CHANNELS = (16, 32, 64)
# By channels (Gowal et al., 2020).
DM_PIXELS = {
    3: Standardised(  # of CIFAR-10
        mean=(0.4914, 0.4822, 0.4465), stddev=(0.2471, 0.2435, 0.2616)
    ),
    1: Standardised(mean=0.5, stddev=0.5),
}

# (features, filters, stride, name, kit, number from 1 on) -> features
Block = Callable[[Any, int, int, str, ClassifierKit, int], Any]


def wide_resnet(
    image_size: int,
    channels: int,
    *,
    depth: int = 28,
    width: int = 10,
    num_classes: int = 10,
    dtype: str = "float32",
    activation: str = "relu",
    norm: str = "batch",
    dropout: float = 0.0,
    energy_head: bool = False,
) -> keras.Model:
    """WRN-depth-width of Zagoruyko and Komodakis (2016), as Hill et al. (2022) use it.

    The second of the 3x3 convolutions of a block strides, every convolution has a bias,
    and a shortcut that changes shape is a 1x1 convolution of the raw input. Dropout
    follows the first convolution of each block. The network sees pixels in [-1,1].

    Statistics of batch normalisation keep 0.9 of their value at an update, which is
    what PyTorch calls momentum=0.1. The TensorFlow code of Hill et al. hands that 0.1
    to Keras inside the blocks, where it means that nearly only the last batch counts.

    Without normalisation it is the network of JEM (Grathwohl et al., 2020), whose
    kernels and biases begin as PyTorch's: those of Keras have about three times the
    variance, which no normalisation would take back.
    """
    _require(image_size, depth, "wide_resnet")
    kit = classifier_kit(dtype, activation, norm=norm, dropout=dropout)
    images = keras.Input((image_size, image_size, channels), name="images")
    x = _biased_conv(images, STEM_CHANNELS, "stem", kit)
    x = _groups(x, depth, width, _biased_block, kit)
    means = pooled(norm_activate(x, "final", kit))
    initial = {} if kit.is_normalised else uniform(means.shape[-1])
    logits = class_logits(means, num_classes, energy_head, **initial)
    return keras.Model(images, logits, name=f"wide_resnet_{depth}_{width}")


def robustbench_wrn(
    image_size: int,
    channels: int,
    *,
    depth: int = 34,
    width: int = 10,
    num_classes: int = 10,
    dtype: str = "float32",
    activation: str = "relu",
    norm: str = "batch",
    dropout: float = 0.0,
    energy_head: bool = False,
    pixel_range: Scale = USUAL_SCALE,
) -> keras.Model:
    """The WRN of TRADES (Zhang et al., 2019), of AWP, MAIL and much of RobustBench.

    The first of the 3x3 convolutions of a block strides, none has a bias, and a
    shortcut that changes channels is a 1x1 convolution of the activated input. Dropout
    goes before the second convolution. The network sees pixels in [0,1],
    or what `pixel_range` says.
    """
    _require(image_size, depth, "robustbench_wrn")
    choices: dict[str, Any] = {"norm": norm, "dropout": dropout}
    kit = classifier_kit(dtype, activation, kernel=normal_kernel, **choices)
    images = keras.Input((image_size, image_size, channels), name="images")
    x = unbiased_conv(as_seen(images, pixel_range), STEM_CHANNELS, "stem", kit)
    x = _groups(x, depth, width, _activated_block, kit)
    logits = pooled_logits(norm_activate(x, "final", kit), num_classes, energy_head)
    return keras.Model(images, logits, name=f"robustbench_wrn_{depth}_{width}")


def dm_wrn(
    image_size: int,
    channels: int,
    *,
    depth: int = 28,
    width: int = 10,
    num_classes: int = 10,
    dtype: str = "float32",
    activation: str = "silu",
    norm: str = "batch",
    energy_head: bool = False,
    pixel_range: Scale = USUAL_SCALE,
) -> keras.Model:
    """The WRN of DeepMind (Gowal et al., 2020), which takes images of any dataset.

    It differs from `robustbench_wrn` in the zeros around an image at a stride of 2,
    which it has below and to the right alone, as TensorFlow's padding "same", and in
    the pixels that it sees: standardised as those of CIFAR-10 if `pixel_range` says
    nothing else, or by 0.5 where images are grey.
    """
    _require(image_size, depth, "dm_wrn")
    kit = classifier_kit(dtype, activation, norm=norm)
    images = keras.Input((image_size, image_size, channels), name="images")
    pixels = as_seen(images, pixel_range, DM_PIXELS[channels])
    x = unbiased_conv(pixels, STEM_CHANNELS, "stem", kit)
    x = _groups(x, depth, width, _lopsided_block, kit)
    logits = pooled_logits(norm_activate(x, "final", kit), num_classes, energy_head)
    return keras.Model(images, logits, name=f"dm_wrn_{depth}_{width}")


def _require(image_size: int, depth: int, network: str) -> None:
    require_size(image_size, network)
    if depth < 10 or depth % 6 != 4:
        raise ConfigError(
            f"Expected depth={depth} to be one of 10, 16, 22, 28 and so on for "
            f"{network}."
        )


def _groups(x: Any, depth: int, width: int, block: Block, kit: ClassifierKit) -> Any:
    num_blocks = (depth - 4) // 6
    for group, multiple in enumerate(GROUP_CHANNELS):
        for number in range(num_blocks):
            stride = 2 if group > 0 and number == 0 else 1
            index = group * num_blocks + number + 1
            name = f"group{group + 1}_block{number + 1}"
            x = block(x, multiple * width, stride, name, kit, index)
    return x


def _biased_block(
    inputs: Any, filters: int, stride: int, name: str, kit: ClassifierKit, index: int
) -> Any:
    x = norm_activate(inputs, f"{name}_1", kit)
    x = _biased_conv(x, filters, f"{name}_1", kit)
    x = kit.drop(x, index)
    x = norm_activate(x, f"{name}_2", kit)
    x = _biased_conv(x, filters, f"{name}_2", kit, stride=stride)
    if stride == 1 and inputs.shape[-1] == filters:
        return x + inputs
    initial = {} if kit.is_normalised else uniform(inputs.shape[-1])
    shortcut = layers.Conv2D(
        filters, 1, name=f"{name}_shortcut", dtype=kit.policy, **initial
    )
    return x + shortcut(every(inputs, stride))


def _biased_conv(
    images: Any, filters: int, name: str, kit: ClassifierKit, *, stride: int = 1
) -> Any:
    initial = {} if kit.is_normalised else uniform(9 * images.shape[-1])
    return conv(images, filters, name, kit, stride=stride, **initial)


def _activated_block(
    inputs: Any,
    filters: int,
    stride: int,
    name: str,
    kit: ClassifierKit,
    index: int,
    lopsided: bool = False,
) -> Any:
    """A block whose shortcut, where it is a convolution, sees what the first one does.

    With `lopsided` the zeros around an image are TensorFlow's, not PyTorch's.
    """
    activated = norm_activate(inputs, f"{name}_1", kit)
    x = unbiased_conv(
        activated, filters, f"{name}_1", kit, stride=stride, lopsided=lopsided
    )
    x = kit.drop(norm_activate(x, f"{name}_2", kit), index)
    x = unbiased_conv(x, filters, f"{name}_2", kit)
    if inputs.shape[-1] == filters:
        return x + inputs
    shortcut = f"{name}_shortcut"
    return x + unbiased_conv(activated, filters, shortcut, kit, stride=stride, size=1)


def _lopsided_block(*block: Any) -> Any:
    return _activated_block(*block, lopsided=True)
