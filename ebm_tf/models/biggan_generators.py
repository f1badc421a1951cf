"""The BigGAN-deep generators (Brock et al., 2019)."""

import itertools
from itertools import pairwise
from typing import Any, NamedTuple

import keras
import tensorflow as tf
from keras import layers, ops

from ebm_tf.models.biggan import require_plausible
from ebm_tf.models.blocks import LayerKit, NormFn, layer_kit, layout_for
from ebm_tf.models.conditional_norm import (
    ConditionalTabulatedNorm,
    TabulatedNorm,
    batch_norm,
)
from ebm_tf.models.latents import NUM_CLASSES, classes_of

# The index of the block that attention precedes.
ATTENTION_BLOCK = 8
_FIRST_MULTIPLE = 16


class Block(NamedTuple):
    """Output channels of a block in units of the width; whether it doubles sides."""

    multiple: int
    doubles: bool


def _blocks(*multiples: int) -> tuple[Block, ...]:
    """A flat block before each doubling block, of these widths."""
    pairs = (
        (Block(before, doubles=False), Block(after, doubles=True))
        for before, after in pairwise((_FIRST_MULTIPLE, *multiples))
    )
    return tuple(itertools.chain(*pairs))


def _unfold(vectors: Any, width: int, policy: str) -> Any:
    """Maps vectors [B,D] to features [B,4,4,16 width]."""
    filters = _FIRST_MULTIPLE * width
    x = layers.Dense(filters * 16, name="latent_dense", dtype=policy)(vectors)
    return layers.Reshape((4, 4, filters), name="latent_reshape", dtype=policy)(x)


def _apply(
    x: Any, layout: tuple[Block, ...], width: int, norm: NormFn, kit: LayerKit
) -> Any:
    for index, block in enumerate(layout):
        if index == ATTENTION_BLOCK:
            x = kit.attention(x, "attention")
        add_block = _doubling_block if block.doubles else _flat_block
        x = add_block(x, width * block.multiple, f"block{index}", norm, kit)
    return x


def _doubling_block(
    inputs: Any, filters: int, name: str, norm: NormFn, kit: LayerKit
) -> Any:
    x = _squeeze(inputs, name, norm, kit)
    x = kit.upsample(x, f"{name}_upsample", "nearest")
    x = _convolve(x, filters, name, norm, kit)
    kept = inputs[..., :filters]
    return x + kit.upsample(kept, f"{name}_shortcut_upsample", "nearest")


def _flat_block(
    inputs: Any, filters: int, name: str, norm: NormFn, kit: LayerKit
) -> Any:
    x = _squeeze(inputs, name, norm, kit)
    return inputs + _convolve(x, filters, name, norm, kit)


def _squeeze(inputs: Any, name: str, norm: NormFn, kit: LayerKit) -> Any:
    x = kit.activate(norm(inputs, f"{name}_bn_0"), f"{name}_activation_0")
    x = kit.pointwise(x, inputs.shape[-1] // 4, f"{name}_conv_0")
    return kit.activate(norm(x, f"{name}_bn_1"), f"{name}_activation_1")


def _convolve(x: Any, filters: int, name: str, norm: NormFn, kit: LayerKit) -> Any:
    for index in (1, 2):
        x = kit.conv(x, x.shape[-1], f"{name}_conv_{index}")
        x = norm(x, f"{name}_bn_{index + 1}")
        x = kit.activate(x, f"{name}_activation_{index + 1}")
    return kit.pointwise(x, filters, f"{name}_conv_3")


def _to_images(x: Any, width: int, kit: LayerKit) -> Any:
    """Maps normalised features [B,H,W,C] to float32 images [B,H,W,3] in [-1,1]."""
    x = kit.activate(x, "final_activation")
    x = ColourConv(width, name="final_conv", dtype="float32")(x)
    return layers.Activation("tanh", name="images", dtype="float32")(x)


class ColourConv(layers.Conv2D):
    """A padded 3x3 convolution of which only the first three outputs are computed.

    The published layer has as many filters as the network is wide, so its weights keep
    that shape, but all outputs after the third were thrown away.
    """

    def __init__(self, filters: int, **kwargs: Any) -> None:
        """Sets how many filters the weights hold."""
        super().__init__(filters, 3, padding="same", **kwargs)

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """Maps features [B,H,W,C] to [B,H,W,3]."""
        kernel = tf.convert_to_tensor(self.kernel)[:, :, :, :3]
        bias = tf.convert_to_tensor(self.bias)[:3]
        outputs = tf.nn.conv2d(inputs, kernel, strides=1, padding="SAME")
        return tf.nn.bias_add(outputs, bias)

    def compute_output_shape(
        self, input_shape: tuple[int | None, ...]
    ) -> tuple[int | None, ...]:
        """Returns the shape of the images."""
        return (*input_shape[:-1], 3)


_NATIVE_LAYOUTS = {
    128: _blocks(16, 8, 4, 2, 1),
    256: _blocks(16, 8, 8, 4, 2, 1),
    512: _blocks(16, 8, 8, 4, 2, 1, 1),
}
# image size -> the size that the conditional network makes
NATIVE_SIZES = {64: 128, 128: 128, 224: 256, 256: 256, 512: 512}
UNCONDITIONAL_LAYOUTS = {64: _NATIVE_LAYOUTS[128][:-1], 128: _NATIVE_LAYOUTS[128]}


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
    native_size = layout_for(NATIVE_SIZES, image_size, "conditional biggan generator")
    require_plausible(channels, width, "conditional biggan generator")
    kit = layer_kit(dtype)
    tables = (truncation, batch_norm_epsilon)
    latents = keras.Input((latent_size + 1,), name="latents")
    condition = _condition(latents, kit.policy)

    def norm(images: Any, name: str) -> Any:
        layer = ConditionalTabulatedNorm(*tables, name=name, dtype=kit.policy)
        return layer(images, condition)

    x = _unfold(condition, width, kit.policy)
    x = _apply(x, _NATIVE_LAYOUTS[native_size], width, norm, kit)
    x = TabulatedNorm(*tables, name="final_bn", dtype=kit.policy)(x)
    images = _resized(_to_images(x, width, kit), native_size, image_size)
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


def _resized(images: Any, native_size: int, image_size: int) -> Any:
    if image_size == native_size:
        return images
    if 2 * image_size == native_size:
        return layer_kit("float32").mean_pool(images, "resized")
    resize = layers.Resizing(image_size, image_size, name="resized", dtype="float32")
    return resize(images)  # bilinearly


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

    norm = batch_norm(batch_norm_epsilon, kit)
    x = _apply(_unfold(latents, width, kit.policy), layout, width, norm, kit)
    images = _to_images(norm(x, "final_bn"), width, kit)
    return keras.Model(latents, images, name=f"biggan_generator_{image_size}")
