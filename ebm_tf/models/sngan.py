"""Residual networks of Miyato et al. (2018) as energies and generators.

The energies carry no spectral normalisation (Hill et al., 2022). Images of 8 to 224
pixels whose side halves to 4, 5, 6 or 7 have the layout of the power of two that halves
as often to 4: 28 that of 16, 40 and 48 that of 32, 96 that of 64.
"""

import dataclasses
from collections.abc import Mapping
from typing import Any, NamedTuple

import keras
from keras import layers, ops

from ebm_tf.errors import ConfigError
from ebm_tf.models.blocks import (
    FOR_RECTIFIERS,
    LayerKit,
    NormFn,
    layer_kit,
    pooled_energy,
)
from ebm_tf.models.conditional_norm import batch_norm, conditional_batch_norm
from ebm_tf.models.latents import classes_of


class EnergyLayout(NamedTuple):
    """Widths of the blocks of an energy, and how many of the first ones pool."""

    width: int
    multiples: tuple[int, ...]
    num_pools: int


class GeneratorLayout(NamedTuple):
    """Width of the start of a generator, then those of its up-sampling blocks."""

    width: int
    multiples: tuple[int, ...]


ENERGY_LAYOUTS = {
    8: EnergyLayout(24, (1, 2, 2), num_pools=1),
    16: EnergyLayout(64, (1, 2, 2), num_pools=2),
    32: EnergyLayout(256, (1, 1, 1, 1), num_pools=2),
    64: EnergyLayout(64, (1, 2, 4, 8, 16), num_pools=5),
    128: EnergyLayout(64, (1, 2, 4, 8, 16, 16), num_pools=5),
}

GENERATOR_LAYOUTS = {
    8: GeneratorLayout(64, (1, 1)),
    16: GeneratorLayout(64, (4, 2, 1)),
    32: GeneratorLayout(256, (1, 1, 1, 1)),
    64: GeneratorLayout(64, (16, 8, 4, 2, 1)),
    128: GeneratorLayout(64, (16, 16, 8, 4, 2, 1)),
}


_LEAST, _MOST = 4, 7  # sides at which halving ends
SIZES = tuple(
    sorted(
        side << halvings
        for side in range(_LEAST, _MOST + 1)
        for halvings in range(1, 6)
    )
)


def energy_layout(
    layouts: Mapping[int, EnergyLayout], image_size: int, network: str
) -> EnergyLayout:
    """The layout of an energy or a discriminator for images of a size.

    Args:
      layouts: by powers of two.
      image_size: side of the images.
      network: what a message calls it.

    Raises:
      ConfigError: if the size is none of SIZES.
    """
    _, halvings = _halved(image_size, network)
    layout = layouts[_LEAST << halvings]
    if image_size in layouts:
        return layout
    return layout._replace(num_pools=min(layout.num_pools, halvings))


def _halved(image_size: int, network: str) -> tuple[int, int]:
    """What a size halves to, and how often."""
    if image_size not in SIZES:
        below = [size for size in SIZES if size < image_size]
        above = [size for size in SIZES if size > image_size]
        near = " or ".join(str(size) for size in (*below[-1:], *above[:1]))
        raise ConfigError(
            f"Expected image_size={image_size} to halve to {_LEAST}, 5, 6 or {_MOST} "
            f"for the {network}: the nearest such sizes are {near}."
        )
    halvings = 0
    while image_size > _MOST:
        image_size, halvings = image_size // 2, halvings + 1
    return image_size, halvings


def energy(
    image_size: int,
    channels: int,
    *,
    width: int | None = None,
    activation: str = "relu",
    pooling: str = "mean",
    dtype: str = "float32",
) -> keras.Model:
    """The SNGAN discriminator as an energy (Hill et al., 2022).

    Args:
      image_size: side of the images, one of SIZES.
      channels: channels of the images.
      width: channels of the first block; None is the published width.
      activation: name of a Keras activation.
      pooling: of the last features: "mean" over space, as published, or "none".
      dtype: "float32" or "bfloat16", in which the blocks compute.

    Returns:
      A model from images [B,H,W,C] to float32 energies [B,1].

    Raises:
      ConfigError: if `image_size` or `dtype` is not supported.
    """
    kit = layer_kit(dtype, activation)
    images = keras.Input((image_size, image_size, channels), name="images")
    energies = pooled_energy(features(images, width, kit), pooling)
    return keras.Model(images, energies, name=f"sngan_energy_{image_size}")


def features(images: Any, width: int | None, kit: LayerKit) -> Any:
    """What an energy is a sum of: images [B,H,W,C] -> [B,h,w,c], activated."""
    layout = energy_layout(ENERGY_LAYOUTS, images.shape[1], "sngan energy")
    width = width or layout.width
    x = stem(images, width, kit)
    for index, multiple in enumerate(layout.multiples[1:], start=1):
        block = pooling_block if index < layout.num_pools else flat_block
        x = block(x, width * multiple, f"block{index + 1}", kit)
    return kit.activate(x, "final_activation")


def stem(images: Any, filters: int, kit: LayerKit) -> Any:
    """The first block, which pools: images [B,H,W,C] -> [B,H/2,W/2,filters]."""
    x = kit.conv(images, filters, "stem_conv_1")
    x = kit.activate(x, "stem_activation")
    x = kit.conv_mean_pool(x, filters, "stem_conv_2")
    return x + _pooled_shortcut(images, filters, "stem", kit)


def pooling_block(
    inputs: Any, filters: int, name: str, kit: LayerKit, *, hidden: int | None = None
) -> Any:
    """A block that pools: [B,H,W,C] -> [B,H/2,W/2,filters].

    Between its convolutions there are `hidden` channels, or `filters` if None.
    """
    x = _first_half(inputs, hidden or filters, name, kit)
    x = kit.conv_mean_pool(x, filters, f"{name}_conv_2")
    return x + _pooled_shortcut(inputs, filters, name, kit)


def flat_block(
    inputs: Any, filters: int, name: str, kit: LayerKit, *, hidden: int | None = None
) -> Any:
    """A block that does not pool: [B,H,W,C] -> [B,H,W,filters]; `hidden` as above."""
    x = _first_half(inputs, hidden or filters, name, kit)
    x = kit.conv(x, filters, f"{name}_conv_2")
    if inputs.shape[-1] == filters:
        return x + inputs
    return x + kit.pointwise(inputs, filters, f"{name}_shortcut")


def _first_half(inputs: Any, filters: int, name: str, kit: LayerKit) -> Any:
    x = kit.activate(inputs, f"{name}_activation_1")
    x = kit.conv(x, filters, f"{name}_conv_1")
    return kit.activate(x, f"{name}_activation_2")


def _pooled_shortcut(inputs: Any, filters: int, name: str, kit: LayerKit) -> Any:
    # Pooling and a 1x1 convolution commute: pooled first, it costs a quarter.
    pooled = kit.mean_pool(inputs, f"{name}_shortcut_pool")
    return kit.pointwise(pooled, filters, f"{name}_shortcut")


def generator(
    image_size: int,
    channels: int,
    *,
    width: int | None = None,
    latent_size: int = 128,
    num_classes: int | None = None,
    batch_norm_epsilon: float = 1e-3,
    for_rectifiers: bool = False,
    dtype: str = "float32",
) -> keras.Model:
    """The SNGAN generator (Miyato et al., 2018).

    Args:
      image_size: side of the images, one of SIZES.
      channels: channels of the images.
      width: channels of the last up-sampling block; None is the published width.
      latent_size: length of a latent without its class.
      num_classes: classes that the blocks have scales and offsets for (Miyato and
        Koyama, 2018); none if None.
      batch_norm_epsilon: 1e-3, or 1e-5 for weights learnt in PyTorch.
      for_rectifiers: whether the 3x3 kernels of the blocks begin as FOR_RECTIFIERS.
      dtype: "float32" or "bfloat16", in which the blocks compute.

    Returns:
      A model from latents [B,latent_size] to float32 images [B,H,W,C] in [-1,1]; with
      classes a last column of the latents holds them as whole numbers. Its batch
      normalisation is synchronised over replicas and obeys the `training` of
      the call.

    Raises:
      ConfigError: if `image_size` or `dtype` is not supported.
    """
    smallest, halvings = _halved(image_size, "sngan generator")
    layout = GENERATOR_LAYOUTS[_LEAST << halvings]
    kit = layer_kit(dtype)
    if for_rectifiers:
        kit = dataclasses.replace(kit, initializer=FOR_RECTIFIERS)
    width = width or layout.width
    widths = [width * multiple for multiple in layout.multiples]
    size = latent_size + (num_classes is not None)
    latents: Any = keras.Input((size,), name="latents")
    vectors = latents[:, :latent_size]
    norm = _norm(latents, num_classes, batch_norm_epsilon, kit)
    x = _unfold(vectors, smallest, widths[0], kit.policy)
    for index, filters in enumerate(widths[1:], start=2):
        x = _up_block(x, filters, f"block{index}", norm, kit)
    x = kit.batch_norm(x, batch_norm_epsilon, "final_bn")
    x = kit.activate(x, "final_activation")
    x = layer_kit("float32").conv(x, channels, "final_conv")
    images = layers.Activation("tanh", name="images", dtype="float32")(x)
    return keras.Model(latents, images, name=f"sngan_generator_{image_size}")


def _norm(
    latents: Any, num_classes: int | None, epsilon: float, kit: LayerKit
) -> NormFn:
    if num_classes is None:
        return batch_norm(epsilon, kit)
    one_hot = ops.one_hot(classes_of(latents), num_classes)
    return conditional_batch_norm(one_hot, epsilon, kit)


def _unfold(latents: Any, side: int, filters: int, policy: str) -> Any:
    """Maps vectors [B,D] to features [B,side,side,filters]."""
    x = layers.Dense(filters * side**2, name="latent_dense", dtype=policy)(latents)
    # Published weights order the outputs of this layer channels first.
    x = layers.Reshape((filters, side, side), name="latent_reshape", dtype=policy)(x)
    return layers.Permute((2, 3, 1), name="latent_channels_last", dtype=policy)(x)


def _up_block(inputs: Any, filters: int, name: str, norm: NormFn, kit: LayerKit) -> Any:
    x = norm(inputs, f"{name}_bn_1")
    x = kit.activate(x, f"{name}_activation_1")
    x = kit.upsample(x, f"{name}_upsample", "bilinear")
    x = kit.conv(x, filters, f"{name}_conv_1")
    x = norm(x, f"{name}_bn_2")
    x = kit.activate(x, f"{name}_activation_2")
    x = kit.conv(x, filters, f"{name}_conv_2")
    # Interpolation and a 1x1 convolution commute: convolved first, it costs a quarter.
    shortcut = kit.pointwise(inputs, filters, f"{name}_shortcut")
    return x + kit.upsample(shortcut, f"{name}_shortcut_upsample", "bilinear")
