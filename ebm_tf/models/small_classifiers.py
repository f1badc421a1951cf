"""Small networks that classify; what they share with all is in `models.classifiers`."""

import keras

from ebm_tf.models.blocks import layer_kit, pooled
from ebm_tf.models.classifier_layers import (
    class_logits,
    classifier_kit,
    conv_norm,
    pooled_logits,
)
from ebm_tf.models.sngan import features
from ebm_tf.pixels import to_unit


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
    pooling: str = "mean",
) -> keras.Model:
    """`depth` convolutions, each normalised and activated, a mean and a linear layer.

    With `pooling` "none" there is no mean. It learns digits fast without a GPU. The
    second and the third convolution halve the sides and double the channels, `width` at
    first. With 4 layers an output has seen 17 pixels of each side. The network sees
    pixels in [0,1], so that the zeros around an image are as black as the ground of a
    digit. Dropout follows each activation but the last. Without normalisation
    convolutions have biases, which begin as PyTorch's.
    """
    kit = classifier_kit(dtype, activation, norm=norm, dropout=dropout)
    images = keras.Input((image_size, image_size, channels), name="images")
    x, filters = to_unit(images), width
    for layer in range(1, depth + 1):
        stride = 2 if layer in (2, 3) else 1
        filters *= stride
        x = conv_norm(x, filters, f"layer{layer}", kit, stride=stride)
        x = kit.activate(x, f"layer{layer}_activation")
        x = kit.drop(x, layer) if layer < depth else x
    logits = pooled_logits(x, num_classes, energy_head, pooling)
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
    pooling: str = "mean",
) -> keras.Model:
    """The network of `models.sngan.energy` with a logit of each class at its end.

    It is residual and has no normalisation, and its energies are known to be learned
    stably; sizes of images and widths are those of the energy. A narrow one classifies
    better with `pooling` "none".
    """
    kit = layer_kit(dtype, activation)
    images = keras.Input((image_size, image_size, channels), name="images")
    flat = pooled(features(images, width, kit), pooling)
    logits = class_logits(flat, num_classes, energy_head)
    return keras.Model(images, logits, name=f"sngan_classifier_{image_size}")
