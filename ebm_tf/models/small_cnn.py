"""A small convolutional classifier for digits, which learns fast without a GPU."""

import keras

from ebm_tf.models.blocks import layer_kit
from ebm_tf.models.classifier_blocks import conv_norm, mean_logits
from ebm_tf.pixels import to_unit


def classifier(
    image_size: int,
    channels: int,
    *,
    depth: int = 4,
    width: int = 16,
    num_classes: int = 10,
    dtype: str = "float32",
) -> keras.Model:
    """Convolutions, each normalised and activated, a mean and a linear layer.

    The second and the third convolution halve the sides and double the channels; the
    others keep them. With 4 layers an output has seen 17 pixels of each side. The
    network sees pixels in [0,1], so that the zeros around an image are as black as
    the ground of a digit.

    Args:
      image_size: side of the images.
      channels: channels of the images.
      depth: number of convolutions.
      width: channels of the first one.
      num_classes: number of logits.
      dtype: "float32" or "bfloat16", in which the convolutions compute.

    Returns:
      A model from images [B,H,W,C] in [-1,1] to float32 logits [B,num_classes]. The
      input of its last layer is the mean of the features over space.

    Raises:
      ConfigError: if `dtype` is not supported.
    """
    kit = layer_kit(dtype)
    images = keras.Input((image_size, image_size, channels), name="images")
    x, filters = to_unit(images), width
    for layer in range(1, depth + 1):
        stride = 2 if layer in (2, 3) else 1
        filters *= stride
        x = conv_norm(x, filters, f"layer{layer}", kit, size=3, stride=stride)
        x = kit.activate(x, f"layer{layer}_activation")
    logits = mean_logits(x, num_classes)
    return keras.Model(images, logits, name=f"small_cnn_{depth}_{width}")
