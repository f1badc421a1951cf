"""Residual networks of He et al. (2016) for small images, as classifiers."""

from typing import Any

import keras

from ebm_tf.errors import ConfigError
from ebm_tf.models.blocks import LayerKit, layer_kit
from ebm_tf.models.classifier_blocks import conv_norm, mean_logits
from ebm_tf.pixels import to_unit

LEAST_IMAGE_SIZE = 8
STAGE_BLOCKS = {18: (2, 2, 2, 2), 34: (3, 4, 6, 3)}


def classifier(
    image_size: int,
    channels: int,
    *,
    depth: int = 18,
    width: int = 64,
    num_classes: int = 10,
    dtype: str = "float32",
) -> keras.Model:
    """ResNet-18 or -34 with the stem of CIFAR-10, as robust training uses it.

    The stem is one 3x3 convolution. Each of four stages has twice the channels of the
    one before and, but for the first, half its side; blocks are activated after the
    sum. The network sees pixels in [0,1]. Initial values, padding and statistics are
    PyTorch's, so that published hyper-parameters mean the same here.

    Args:
      image_size: side of the images, at least 8.
      channels: channels of the images.
      depth: 18 or 34.
      width: channels of the first stage.
      num_classes: number of logits.
      dtype: "float32" or "bfloat16", in which the blocks compute.

    Returns:
      A model from images [B,H,W,C] in [-1,1] to float32 logits [B,num_classes]. The
      input of its last layer is the mean of the features over space, [B,8 width].

    Raises:
      ConfigError: if `image_size`, `depth` or `dtype` is not supported.
    """
    if image_size < LEAST_IMAGE_SIZE:
        raise ConfigError(
            f"Expected image_size={image_size} >= {LEAST_IMAGE_SIZE} for resnet."
        )
    if depth not in STAGE_BLOCKS:
        depths = ", ".join(map(str, STAGE_BLOCKS))
        raise ConfigError(f"Expected depth={depth} to be one of {depths} for resnet.")
    kit = layer_kit(dtype)
    images = keras.Input((image_size, image_size, channels), name="images")
    x = conv_norm(to_unit(images), width, "stem", kit, size=3, stride=1)
    x = kit.activate(x, "stem_activation")
    for stage, num_blocks in enumerate(STAGE_BLOCKS[depth], start=1):
        for block in range(1, num_blocks + 1):
            stride = 2 if stage > 1 and block == 1 else 1
            filters = width * 2 ** (stage - 1)
            x = _block(x, filters, stride, f"stage{stage}_block{block}", kit)
    logits = mean_logits(x, num_classes)
    return keras.Model(images, logits, name=f"resnet_{depth}_{width}")


def _block(inputs: Any, filters: int, stride: int, name: str, kit: LayerKit) -> Any:
    x = conv_norm(inputs, filters, f"{name}_1", kit, size=3, stride=stride)
    x = kit.activate(x, f"{name}_1_activation")
    x = conv_norm(x, filters, f"{name}_2", kit, size=3, stride=1)
    shortcut = inputs
    if stride > 1 or inputs.shape[-1] != filters:
        shortcut = conv_norm(
            inputs, filters, f"{name}_shortcut", kit, size=1, stride=stride
        )
    return kit.activate(x + shortcut, f"{name}_2_activation")
