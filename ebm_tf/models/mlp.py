"""The dense network that classifies points."""

from typing import Any

import keras
from keras import layers

from ebm_tf.models.classifier_layers import (
    ClassifierKit,
    class_logits,
    classifier_kit,
    normalised,
    uniform,
)


def mlp(
    image_size: int,
    channels: int,
    *,
    depth: int = 2,
    width: int = 1000,
    num_classes: int = 2,
    dtype: str = "float32",
    activation: str = "relu",
    norm: str = "batch",
    energy_head: bool = False,
) -> keras.Model:
    """`depth` dense layers of `width` features, each activated and then normalised.

    Initial values are PyTorch's. Source: Bigolin Lanfredi et al. (2023), whose last
    layer has one output d and whose statistics are frozen; of two logits d is the
    second less the first.
    """
    kit = classifier_kit(dtype, activation, norm=norm)
    images = keras.Input((image_size, image_size, channels), name="images")
    x: Any = layers.Flatten(name="values", dtype=kit.policy)(images)
    x = hidden_layers(x, depth, width, kit)
    logits = class_logits(x, num_classes, energy_head, **uniform(x.shape[-1]))
    return keras.Model(images, logits, name=f"mlp_{depth}_{width}")


def hidden_layers(features: Any, depth: int, width: int, kit: ClassifierKit) -> Any:
    """So many dense layers, each activated and then normalised: [B,C] -> [B,width]."""
    x = features
    for layer in range(1, depth + 1):
        initial = uniform(x.shape[-1])
        dense = layers.Dense(width, name=f"layer{layer}", dtype=kit.policy, **initial)
        x = kit.activate(dense(x), f"layer{layer}_activation")
        x = normalised(x, f"layer{layer}", kit)
    return x
