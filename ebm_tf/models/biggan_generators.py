"""BigGAN-deep generators of colour images (Brock et al., 2019).

The spectral normalisation of the published networks is left out: it divides weights by
a constant, and converted weights are already divided.
"""

from typing import Any, NamedTuple

import keras
from keras import layers, ops

from ebm_tf.models.biggan import require_plausible
from ebm_tf.models.biggan_generator_blocks import (
    Block,
    blocks,
    stages,
    to_images,
    unfold,
)
from ebm_tf.models.blocks import LayerKit, NormFn, layer_kit, layout_for
from ebm_tf.models.latents import NUM_CLASSES, classes_of
from ebm_tf.models.truncation import ConditionalTabulatedNorm, TabulatedNorm


class ConditionalLayout(NamedTuple):
    """Blocks of a conditional generator and the side of the images that they make."""

    blocks: tuple[Block, ...]
    native_size: int


_BLOCKS_128 = stages(16, 8, 4, 2, 1)
_BLOCKS_256 = stages(16, 8, 8, 4, 2, 1)
_BLOCKS_512 = stages(16, 8, 8, 4, 2, 1, 1)

CONDITIONAL_LAYOUTS = {
    64: ConditionalLayout(_BLOCKS_128, native_size=128),
    128: ConditionalLayout(_BLOCKS_128, native_size=128),
    224: ConditionalLayout(_BLOCKS_256, native_size=256),
    256: ConditionalLayout(_BLOCKS_256, native_size=256),
    512: ConditionalLayout(_BLOCKS_512, native_size=512),
}

UNCONDITIONAL_LAYOUTS = {64: _BLOCKS_128[:-1], 128: _BLOCKS_128}


def conditional_generator(
    image_size: int,
    channels: int = 3,
    *,
    width: int = 128,
    latent_size: int = 128,
    batch_norm_epsilon: float = 1e-4,
    truncation: float = 1.0,
    dtype: str = "float32",
) -> keras.Model:
    """The class-conditional BigGAN-deep generator of ImageNet (Brock et al., 2019).

    The nets of 128, 256 and 512 pixels are native; images of 224 pixels are resized
    from 256, images of 64 pixels are 2x2 means of 128.

    Args:
      image_size: side of the images: 64, 128, 224, 256 or 512.
      channels: must be 3.
      width: channels of the last block, at least 4.
      latent_size: length of a latent without its class.
      batch_norm_epsilon: added to the tabulated variances.
      truncation: in [0, 1]; the truncation whose tabulated statistics are used.
      dtype: "float32" or "bfloat16", in which the blocks compute.

    Returns:
      A model from latents [B,latent_size+1], whose last column holds the class as a
      whole number, to float32 images [B,H,W,3] in [-1,1]; `with_classes` and
      `truncated_normal_with_class` of `ebm_tf.models.latents` make such latents.

    Raises:
      ConfigError: if a size, the channels, the width, the truncation or `dtype`
        is not supported.
    """
    layout = layout_for(CONDITIONAL_LAYOUTS, image_size, "conditional biggan generator")
    require_plausible(channels, width, "conditional biggan generator")
    kit = layer_kit(dtype)
    tables = (truncation, batch_norm_epsilon)
    latents = keras.Input((latent_size + 1,), name="latents")
    condition = _condition(latents, kit.policy)
    norm = _conditional_norm(condition, *tables, kit)
    x = blocks(unfold(condition, width, kit.policy), layout.blocks, width, norm, kit)
    x = TabulatedNorm(*tables, name="final_bn", dtype=kit.policy)(x)
    images = _resized(to_images(x, width, kit), layout.native_size, image_size)
    name = f"biggan_conditional_generator_{image_size}"
    return keras.Model(latents, images, name=name)


def _condition(latents: Any, policy: str) -> Any:
    # The class is read before anything is cast: bfloat16 cannot hold every class.
    one_hot = ops.one_hot(classes_of(latents), NUM_CLASSES)
    vectors = latents[:, :-1]
    embed = layers.Dense(
        vectors.shape[-1], use_bias=False, name="class_embedding", dtype=policy
    )
    join = layers.Concatenate(name="condition", dtype=policy)
    return join([vectors, embed(one_hot)])


def _conditional_norm(
    condition: Any, truncation: float, epsilon: float, kit: LayerKit
) -> NormFn:
    def norm(images: Any, name: str) -> Any:
        layer = ConditionalTabulatedNorm(
            truncation, epsilon, name=name, dtype=kit.policy
        )
        return layer(images, condition)

    return norm


def _resized(images: Any, native_size: int, image_size: int) -> Any:
    if image_size == native_size:
        return images
    if 2 * image_size == native_size:
        return layer_kit("float32").mean_pool(images, "resized")
    return layers.Resizing(
        image_size,
        image_size,
        interpolation="bilinear",
        name="resized",
        dtype="float32",
    )(images)


def generator(
    image_size: int,
    channels: int = 3,
    *,
    width: int = 128,
    latent_size: int = 128,
    batch_norm_epsilon: float = 1e-4,
    dtype: str = "float32",
) -> keras.Model:
    """The BigGAN-deep generator without classes (Hill et al., 2022).

    Args:
      image_size: side of the images: 64 or 128.
      channels: must be 3.
      width: channels of the last block at 128 pixels, at least 4.
      latent_size: length of a latent.
      batch_norm_epsilon: added to the variances of the batch normalisation.
      dtype: "float32" or "bfloat16", in which the blocks compute.

    Returns:
      A model from latents [B,latent_size] to float32 images [B,H,W,3] in [-1,1]. Its
      batch normalisation is synchronised over replicas and obeys the `training` of
      the call.

    Raises:
      ConfigError: if a size, the channels, the width or `dtype` is not supported.
    """
    layout = layout_for(UNCONDITIONAL_LAYOUTS, image_size, "biggan generator")
    require_plausible(channels, width, "biggan generator")
    kit = layer_kit(dtype)
    latents = keras.Input((latent_size,), name="latents")

    def norm(images: Any, name: str) -> Any:
        return kit.batch_norm(images, batch_norm_epsilon, name)

    x = blocks(unfold(latents, width, kit.policy), layout, width, norm, kit)
    images = to_images(norm(x, "final_bn"), width, kit)
    return keras.Model(latents, images, name=f"biggan_generator_{image_size}")
