"""Networks that classify images.

All map images [B,H,W,C] in [-1,1] to float32 logits [B,num_classes]; the input of their
last layer with weights is the mean of the features over space. Batch normalisation has
the constants of PyTorch, is synchronised over replicas and obeys the `training` of the
call. With `norm` "frozen" its statistics stay as they began or were loaded, with "none"
there is none; both compute each image by itself. With
`dropout` they need a `models.dropout.dropout_key` in training mode. With `energy_head`
they have one more output, of which `models.ebm.marginal_energy` makes the energy; see
`ClassLogits`. With `dtype` "bfloat16" the blocks compute in it. A ConfigError says
which `image_size`, `depth`, `activation` or `dtype` is not supported.
"""

import dataclasses
import math
from typing import Any

import keras
import tensorflow as tf
from keras import initializers, layers

from ebm_tf.errors import ConfigError
from ebm_tf.models.blocks import LayerKit, layer_kit
from ebm_tf.models.dropout import Dropout
from ebm_tf.models.sngan import features
from ebm_tf.pixels import to_unit

LEAST_IMAGE_SIZE = 8
STAGE_BLOCKS = {18: (2, 2, 2, 2), 34: (3, 4, 6, 3)}
STEM_CHANNELS = 16
GROUP_CHANNELS = (16, 32, 64)


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


@dataclasses.dataclass(frozen=True)
class ClassifierKit(LayerKit):
    """With what classifiers choose besides.

    Attributes:
      norm: "batch", "frozen" or "none".
      dropout: the share that is dropped, in [0, 1).
    """

    norm: str = "batch"
    dropout: float = 0.0

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


def classifier_kit(
    dtype: str, activation: str, norm: str = "batch", dropout: float = 0
) -> ClassifierKit:
    """A kit of such choices, which `layer_kit` checks."""
    kit = layer_kit(dtype, activation)
    return ClassifierKit(kit.policy, kit.activation, norm=norm, dropout=dropout)


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

    Each of three groups has `(depth - 4) / 6` blocks and `width` times 16, 32 or 64
    channels. Blocks are pre-activated, the second of their 3x3 convolutions strides,
    every convolution has a bias, and a shortcut that changes shape is a 1x1 convolution
    of the raw input. Dropout follows the first convolution of each block.

    Statistics of batch normalisation keep 0.9 of their value at an update, which is
    what PyTorch calls momentum=0.1. The TensorFlow code of Hill et al. hands that 0.1
    to Keras inside the blocks, where it means that nearly only the last batch counts.

    Without normalisation it is the network of JEM (Grathwohl et al., 2020), whose
    kernels and biases begin as PyTorch's: those of Keras have about three times the
    variance, which no normalisation would take back.
    """
    _require_size(image_size, "wide_resnet")
    _require_wide_depth(depth)
    kit = classifier_kit(dtype, activation, norm, dropout)
    images = keras.Input((image_size, image_size, channels), name="images")
    x = _wide_conv(images, STEM_CHANNELS, "stem", kit)
    x = _wide_groups(x, (depth - 4) // 6, width, kit)
    means = _means(_norm_activate(x, "final", kit))
    initial = {} if kit.is_normalised else uniform(means.shape[-1])
    logits = class_logits(means, num_classes, energy_head, **initial)
    return keras.Model(images, logits, name=f"wide_resnet_{depth}_{width}")


def _require_wide_depth(depth: int) -> None:
    if depth < 10 or depth % 6 != 4:
        raise ConfigError(
            f"Expected depth={depth} to be one of 10, 16, 22, 28 and so on for "
            "wide_resnet."
        )


def _wide_groups(x: Any, num_blocks: int, width: int, kit: ClassifierKit) -> Any:
    for group, multiple in enumerate(GROUP_CHANNELS):
        for block in range(num_blocks):
            stride = 2 if group > 0 and block == 0 else 1
            index = group * num_blocks + block + 1
            name = f"group{group + 1}_block{block + 1}"
            x = _wide_block(x, multiple * width, stride, name, kit, index)
    return x


def _wide_block(
    inputs: Any, filters: int, stride: int, name: str, kit: ClassifierKit, index: int
) -> Any:
    x = _norm_activate(inputs, f"{name}_1", kit)
    x = _wide_conv(x, filters, f"{name}_1", kit)
    x = kit.drop(x, index)
    x = _norm_activate(x, f"{name}_2", kit)
    x = _wide_conv(x, filters, f"{name}_2", kit, stride=stride)
    if stride == 1 and inputs.shape[-1] == filters:
        return x + inputs
    initial = {} if kit.is_normalised else uniform(inputs.shape[-1])
    shortcut = layers.Conv2D(
        filters, 1, strides=stride, name=f"{name}_shortcut", dtype=kit.policy, **initial
    )
    return x + shortcut(inputs)


def _wide_conv(
    images: Any, filters: int, name: str, kit: ClassifierKit, *, stride: int = 1
) -> Any:
    initial = {} if kit.is_normalised else uniform(9 * images.shape[-1])
    return _conv(images, filters, name, kit, stride=stride, **initial)


def _norm_activate(inputs: Any, name: str, kit: ClassifierKit) -> Any:
    return kit.activate(normalised(inputs, name, kit), f"{name}_activation")


def resnet(
    image_size: int,
    channels: int,
    *,
    depth: int = 18,
    width: int = 64,
    num_classes: int = 10,
    dtype: str = "float32",
    activation: str = "relu",
    stem: str = "cifar",
    norm: str = "batch",
    energy_head: bool = False,
) -> keras.Model:
    """ResNet-18 or -34 of He et al. (2016), usually with the stem of CIFAR-10.

    That is one 3x3 convolution; the stem "imagenet" is the published one, which leaves
    a quarter of the side. Each of four stages has twice the channels of the
    one before, from `width` on, and, but for the first, half its side; blocks are
    activated after the sum. The network sees pixels in [0,1]. Initial values, padding
    and statistics are PyTorch's, so that hyper-parameters of robust training mean the
    same here.
    """
    _require_size(image_size, "resnet")
    if depth not in STAGE_BLOCKS:
        depths = ", ".join(map(str, STAGE_BLOCKS))
        raise ConfigError(f"Expected depth={depth} to be one of {depths} for resnet.")
    kit = classifier_kit(dtype, activation, norm)
    images = keras.Input((image_size, image_size, channels), name="images")
    large: dict[str, int] = {"stride": 2, "size": 7} if stem == "imagenet" else {}
    x = _conv_norm(to_unit(images), width, "stem", kit, **large)
    x = kit.activate(x, "stem_activation")
    if stem == "imagenet":
        # Zeros around are as good as nothing: what is activated is not below them.
        x = layers.ZeroPadding2D(1, name="stem_pool_pad", dtype=kit.policy)(x)
        x = layers.MaxPooling2D(3, 2, name="stem_pool", dtype=kit.policy)(x)
    for stage, num_blocks in enumerate(STAGE_BLOCKS[depth], start=1):
        for block in range(1, num_blocks + 1):
            stride = 2 if stage > 1 and block == 1 else 1
            filters = width * 2 ** (stage - 1)
            x = _block(x, filters, stride, f"stage{stage}_block{block}", kit)
    logits = _mean_logits(x, num_classes, energy_head)
    return keras.Model(images, logits, name=f"resnet_{depth}_{width}")


def _block(
    inputs: Any, filters: int, stride: int, name: str, kit: ClassifierKit
) -> Any:
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
    activation: str = "relu",
    norm: str = "batch",
    dropout: float = 0.0,
    energy_head: bool = False,
) -> keras.Model:
    """`depth` convolutions, each normalised and activated, a mean and a linear layer.

    It learns digits fast without a GPU. The second and the third convolution halve the
    sides and double the channels, `width` at first. With 4 layers an output has seen
    17 pixels of each side. The network sees pixels in [0,1], so that the zeros around
    an image are as black as the ground of a digit. Dropout follows each activation but
    the last. Without normalisation convolutions have biases, which begin as PyTorch's.
    """
    kit = classifier_kit(dtype, activation, norm, dropout)
    images = keras.Input((image_size, image_size, channels), name="images")
    x, filters = to_unit(images), width
    for layer in range(1, depth + 1):
        stride = 2 if layer in (2, 3) else 1
        filters *= stride
        x = _conv_norm(x, filters, f"layer{layer}", kit, stride=stride)
        x = kit.activate(x, f"layer{layer}_activation")
        x = kit.drop(x, layer) if layer < depth else x
    logits = _mean_logits(x, num_classes, energy_head)
    return keras.Model(images, logits, name=f"small_cnn_{depth}_{width}")


def sngan(
    image_size: int,
    channels: int,
    *,
    width: int | None = None,
    num_classes: int = 10,
    dtype: str = "float32",
    activation: str = "relu",
    energy_head: bool = False,
) -> keras.Model:
    """The network of `models.sngan.energy` with a logit of each class at its end.

    It is residual and has no normalisation, and its energies are known to be learned
    stably; sizes of images and widths are those of the energy.
    """
    kit = layer_kit(dtype, activation)
    images = keras.Input((image_size, image_size, channels), name="images")
    logits = class_logits(
        _means(features(images, width, kit)), num_classes, energy_head
    )
    return keras.Model(images, logits, name=f"sngan_classifier_{image_size}")


def _require_size(image_size: int, network: str) -> None:
    if image_size < LEAST_IMAGE_SIZE:
        raise ConfigError(
            f"Expected image_size={image_size} >= {LEAST_IMAGE_SIZE} for {network}."
        )


def _conv(
    images: Any,
    filters: int,
    name: str,
    kit: ClassifierKit,
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
    kit: ClassifierKit,
    *,
    stride: int = 1,
    size: int = 3,
) -> Any:
    initial: dict[str, Any] = (
        {"use_bias": False, "kernel_initializer": _uniform_kernel()}
        if kit.is_normalised
        else uniform(size**2 * images.shape[-1])
    )
    x = _conv(images, filters, name, kit, stride=stride, size=size, **initial)
    return normalised(x, name, kit)


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


def _mean_logits(features: Any, num_classes: int, energy_head: bool) -> Any:
    means = _means(features)
    return class_logits(means, num_classes, energy_head, **uniform(means.shape[-1]))


def _means(features: Any) -> Any:
    return layers.GlobalAveragePooling2D(name="mean", dtype="float32")(features)


def class_logits(
    means: Any, num_classes: int, energy_head: bool, **initial: Any
) -> Any:
    """The last layer, of means [B,C]; `initial` is for its kernel and bias."""
    num_outputs = num_classes + 1 if energy_head else num_classes
    dense = layers.Dense(num_outputs, name="logits", dtype="float32", **initial)
    outputs = dense(means)
    if not energy_head:
        return outputs
    return ClassLogits(name="class_logits", dtype="float32")(outputs)


def uniform(fan_in: int) -> dict[str, Any]:
    """Begins kernel and bias of a layer as PyTorch does, in +-1 / sqrt(fan in)."""
    bound = 1.0 / math.sqrt(fan_in)
    # Both draw a seed when they are made: the order belongs to the initial values.
    return {
        "bias_initializer": initializers.RandomUniform(-bound, bound),
        "kernel_initializer": _uniform_kernel(),
    }


# Keras annotates what takes it too narrowly for a type checker; hence Any.
def _uniform_kernel() -> Any:
    """Uniform in +-1 / sqrt(fan in), as in PyTorch; a new one for every layer."""
    return initializers.VarianceScaling(1.0 / 3.0, "fan_in", "uniform")
