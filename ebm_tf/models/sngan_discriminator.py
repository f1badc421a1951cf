"""The residual discriminators of Miyato et al. (2018), with and without classes."""

import dataclasses
from typing import Any

import keras
from keras import layers, ops

from ebm_tf.models.blocks import FOR_RECTIFIERS, layer_kit, layout_for
from ebm_tf.models.sngan import (
    ENERGY_LAYOUTS,
    flat_block,
    pooling_block,
    stem,
)
from ebm_tf.models.spectral_norm import SpectralNorm

LAYOUTS = ENERGY_LAYOUTS | {32: ENERGY_LAYOUTS[32]._replace(width=128)}


def discriminator(
    image_size: int,
    channels: int,
    *,
    width: int | None = None,
    num_classes: int | None = None,
    spectral_norm: bool = True,
    dtype: str = "float32",
) -> keras.Model:
    """The SNGAN discriminator (Miyato et al., 2018), as Lee and Town (2020) train it.

    It differs from the energy in its spectral normalisation, in blocks that are as
    wide inside as their inputs, in a sum over pixels at the end, and in a bias.

    Args:
      image_size: side of the images: 8, 16, 32, 64 or 128.
      channels: channels of the images.
      width: channels of the first block; None is the published width.
      num_classes: of the images; their class is compared with the features (Miyato
        and Koyama, 2018); none if None.
      spectral_norm: whether every layer is divided by its largest singular value.
      dtype: "float32" or "bfloat16", in which the blocks compute.

    Returns:
      A model from images [B,H,W,C], or from those and classes int32 [B], to float32
      scores [B,1]. A call with `training` makes one power iteration.

    Raises:
      ConfigError: if `image_size` or `dtype` is not supported.
    """
    layout = layout_for(LAYOUTS, image_size, "sngan discriminator")
    kit = dataclasses.replace(layer_kit(dtype), initializer=FOR_RECTIFIERS)
    if spectral_norm:
        kit = dataclasses.replace(kit, wrap=SpectralNorm)
    width = width or layout.width
    images = keras.Input((image_size, image_size, channels), name="images")
    x = stem(images, width, kit)
    for index, multiple in enumerate(layout.multiples[1:], start=1):
        block = pooling_block if index < layout.num_pools else flat_block
        inside = x.shape[-1]
        x = block(x, width * multiple, f"block{index + 1}", kit, hidden=inside)
    x = ops.cast(kit.activate(x, "final_activation"), "float32")
    features = ops.sum(x, axis=(1, 2))
    scores = kit.wrap(layers.Dense(1, name="score", dtype="float32"))(features)
    name = f"sngan_discriminator_{image_size}"
    if num_classes is None:
        return keras.Model(images, scores, name=name)
    classes = keras.Input((), name="classes", dtype="int32")
    scores += _projection(features, classes, num_classes, kit.wrap)
    return keras.Model([images, classes], scores, name=name)


def _projection(features: Any, classes: Any, num_classes: int, wrap: Any) -> Any:
    """The inner product [B,1] of the features with a vector of the class."""
    one_hot = ops.one_hot(classes, num_classes)
    embed = layers.Dense(
        features.shape[-1], use_bias=False, name="class_embedding", dtype="float32"
    )
    return ops.sum(wrap(embed)(one_hot) * features, axis=1, keepdims=True)
