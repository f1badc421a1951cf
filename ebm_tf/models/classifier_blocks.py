"""What classifiers share: convolutions and ends with PyTorch's conventions."""

import math
from typing import Any

from keras import initializers, layers

from ebm_tf.models.blocks import LayerKit


def conv_norm(
    images: Any, filters: int, name: str, kit: LayerKit, *, size: int, stride: int
) -> Any:
    """A convolution without bias and a batch normalisation, not yet activated.

    Zeros are put around images symmetrically also where the stride is 2, the kernel
    begins uniform in +-1 / sqrt(fan in), and the normalisation is `torch_batch_norm`.

    Args:
      images: symbolic [B,H,W,C].
      filters: channels of the result.
      name: prefix of the layers.
      kit: makes them.
      size: side of the kernel, odd.
      stride: of the convolution.
    """
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
        use_bias=False,
        kernel_initializer=fan_in_uniform(),
        name=f"{name}_conv",
        dtype=kit.policy,
    )
    return torch_batch_norm(conv(images), f"{name}_bn", kit)


def torch_batch_norm(images: Any, name: str, kit: LayerKit) -> Any:
    """Batch normalisation [B,H,W,C] with the constants of PyTorch.

    Statistics keep 0.9 of their value at an update, which PyTorch calls momentum=0.1,
    and are synchronised over replicas.
    """
    layer = layers.BatchNormalization(
        momentum=0.9, epsilon=1e-5, synchronized=True, name=name, dtype=kit.policy
    )
    return layer(images)


def mean_logits(features: Any, num_classes: int) -> Any:
    """Ends a classifier: features [B,H,W,C] -> float32 logits [B,num_classes].

    The input of the last layer is the mean of the features over space.
    """
    means = layers.GlobalAveragePooling2D(name="mean", dtype="float32")(features)
    bound = 1.0 / math.sqrt(features.shape[-1])
    bias: Any = initializers.RandomUniform(-bound, bound)
    dense = layers.Dense(
        num_classes,
        kernel_initializer=fan_in_uniform(),
        bias_initializer=bias,
        name="logits",
        dtype="float32",
    )
    return dense(means)


# Keras annotates what takes it too narrowly for a type checker; hence Any.
def fan_in_uniform() -> Any:
    """Uniform in +-1 / sqrt(fan in); a new one for every layer."""
    return initializers.VarianceScaling(1.0 / 3.0, "fan_in", "uniform")
