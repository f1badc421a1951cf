"""Parts of the BigGAN-deep generators (Brock et al., 2019)."""

from itertools import pairwise
from typing import Any, NamedTuple

import tensorflow as tf
from keras import layers

from ebm_tf.models.blocks import LayerKit, NormFn

# The index of the block that attention precedes.
ATTENTION_BLOCK = 8
_FIRST_MULTIPLE = 16


class Block(NamedTuple):
    """Output channels of a block in units of the width; whether it doubles sides."""

    multiple: int
    doubles: bool


def stages(*multiples: int) -> tuple[Block, ...]:
    """The blocks of a generator whose doubling blocks have these widths."""
    pairs = (
        (Block(before, doubles=False), Block(after, doubles=True))
        for before, after in pairwise((_FIRST_MULTIPLE, *multiples))
    )
    return tuple(block for pair in pairs for block in pair)


def unfold(vectors: Any, width: int, policy: str) -> Any:
    """Maps vectors [B,D] to features [B,4,4,16 width]."""
    filters = _FIRST_MULTIPLE * width
    x = layers.Dense(filters * 16, name="latent_dense", dtype=policy)(vectors)
    return layers.Reshape((4, 4, filters), name="latent_reshape", dtype=policy)(x)


def blocks(
    x: Any, layout: tuple[Block, ...], width: int, norm: NormFn, kit: LayerKit
) -> Any:
    """Applies the blocks of `layout`, with attention in their midst."""
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


def to_images(x: Any, width: int, kit: LayerKit) -> Any:
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
