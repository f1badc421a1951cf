"""BigGAN-deep residual networks (Brock et al., 2019) as energies of colour images."""

from typing import Any, NamedTuple

import keras
from keras import layers

from ebm_tf.errors import ConfigError
from ebm_tf.models.blocks import LayerKit, layer_kit, layout_for, pooled_energy


class Block(NamedTuple):
    """Output channels of a block in units of the width, and whether it pools."""

    multiple: int
    pools: bool


class EnergyLayout(NamedTuple):
    """Blocks of an energy and the index of the block that attention precedes."""

    blocks: tuple[Block, ...]
    attention: int


def _pairs(*multiples: int) -> tuple[Block, ...]:
    return tuple(Block(m, pools) for m in multiples for pools in (True, False))


ENERGY_LAYOUTS = {
    64: EnergyLayout((Block(1, pools=False), *_pairs(2, 4, 8, 16)), attention=1),
    128: EnergyLayout(_pairs(2, 4, 8, 16, 16), attention=2),
    224: EnergyLayout(_pairs(2, 4, 8, 8, 16, 16), attention=4),
    256: EnergyLayout(_pairs(2, 4, 8, 8, 16, 16), attention=4),
}


def energy(
    image_size: int,
    channels: int = 3,
    *,
    width: int = 48,
    activation: str = "relu",
    pooling: str = "mean",
    dtype: str = "float32",
) -> keras.Model:
    """The BigGAN-deep discriminator as an energy (Hill et al., 2022).

    No class and no spectral normalisation: in the reference the latter never acted.

    Args:
      image_size: side of the images: 64, 128, 224 or 256.
      channels: must be 3.
      width: channels of the first convolution, at least 4.
      activation: name of a Keras activation.
      pooling: of the last features: "mean" over space, as published, or "none".
      dtype: "float32" or "bfloat16", in which the blocks compute.

    Returns:
      A model from images [B,H,W,3] to float32 energies [B,1].

    Raises:
      ConfigError: if a size, the channels, the width or `dtype` is not supported.
    """
    layout = layout_for(ENERGY_LAYOUTS, image_size, "biggan energy")
    require_plausible(channels, width, "biggan energy")
    kit = layer_kit(dtype, activation)
    images = keras.Input((image_size, image_size, channels), name="images")
    x = kit.conv(images, width, "stem_conv")
    for index, block in enumerate(layout.blocks):
        if index == layout.attention:
            x = kit.attention(x, "attention")
        add_block = _pooling_block if block.pools else _flat_block
        x = add_block(x, width * block.multiple, f"block{index}", kit)
    energies = pooled_energy(kit.activate(x, "final_activation"), pooling)
    return keras.Model(images, energies, name=f"biggan_energy_{image_size}")


def require_plausible(channels: int, width: int, network: str) -> None:
    """Checks the channels of the images and the width of a BigGAN.

    Raises:
      ConfigError: if `channels` is not 3, or `width` leaves a bottleneck empty.
    """
    if channels != 3:
        raise ConfigError(f"Expected channels={channels} to be 3 for the {network}.")
    if width < 4:
        raise ConfigError(f"Expected width={width} to be at least 4 for the {network}.")


def _pooling_block(inputs: Any, filters: int, name: str, kit: LayerKit) -> Any:
    x = kit.mean_pool(_bottleneck(inputs, name, kit), f"{name}_pool")
    x = kit.pointwise(x, filters, f"{name}_conv_3")
    shortcut = kit.mean_pool(inputs, f"{name}_shortcut_pool")
    return x + _widened(shortcut, filters, name, kit)


def _flat_block(inputs: Any, filters: int, name: str, kit: LayerKit) -> Any:
    x = kit.pointwise(_bottleneck(inputs, name, kit), filters, f"{name}_conv_3")
    return x + _widened(inputs, filters, name, kit)


def _bottleneck(inputs: Any, name: str, kit: LayerKit) -> Any:
    filters = inputs.shape[-1] // 4
    x = kit.activate(inputs, f"{name}_activation_0")
    x = kit.pointwise(x, filters, f"{name}_conv_0")
    x = kit.activate(x, f"{name}_activation_1")
    x = kit.conv(x, filters, f"{name}_conv_1")
    x = kit.activate(x, f"{name}_activation_2")
    x = kit.conv(x, filters, f"{name}_conv_2")
    return kit.activate(x, f"{name}_activation_3")


def _widened(inputs: Any, filters: int, name: str, kit: LayerKit) -> Any:
    missing = filters - inputs.shape[-1]
    if missing == 0:
        return inputs
    added = kit.pointwise(inputs, missing, f"{name}_shortcut")
    join = layers.Concatenate(name=f"{name}_shortcut_concat", dtype=kit.policy)
    return join([inputs, added])
