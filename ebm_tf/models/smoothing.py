"""Networks whose rectifiers are bent: what was piecewise linear gets curvature."""

from typing import Any

import keras
import tensorflow as tf
from keras import layers

# The slope for negative numbers of what Keras names so.
_SLOPES = {"relu": 0.0, "leaky_relu": 0.2}


def smooth_rectifier(
    inputs: tf.Tensor, sharpness: float, slope: float = 0.0
) -> tf.Tensor:
    """Slope * x + (1 - slope) * log(1 + exp(s x)) / s.

    It is above max(x, slope * x) by at most (1 - slope) * log(2) / s, at 0.

    Args:
      inputs: x.
      sharpness: s; the larger, the nearer to the rectifier.
      slope: for negative numbers.
    """
    bent = tf.nn.softplus(sharpness * inputs) / sharpness
    return slope * inputs + (1.0 - slope) * bent


def is_rectifier(activation: str) -> bool:
    """Whether the name of a Keras activation is that of a piecewise linear one."""
    return activation in _SLOPES


def smoothed(model: keras.Model, sharpness: float) -> keras.Model | None:
    """The network with `smooth_rectifier` in the place of its rectifiers.

    It shares all weights.

    Args:
      model: a functional one, whose rectifiers are layers of their own.
      sharpness: of the bend.

    Returns:
      None where there is nothing to bend.
    """
    bent = []

    def replace(layer: layers.Layer) -> layers.Layer:
        slope = _slope(layer)
        if slope is None:
            return layer
        bent.append(layer.name)
        return _SmoothRectifier(sharpness, slope, name=layer.name, dtype=layer.dtype)

    model = keras.models.clone_model(model, clone_function=replace)
    return model if bent else None


class _SmoothRectifier(layers.Layer):
    """`smooth_rectifier` as a layer, without weights."""

    def __init__(self, sharpness: float, slope: float, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.sharpness, self.slope = sharpness, slope

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        return smooth_rectifier(inputs, self.sharpness, self.slope)


def _slope(layer: layers.Layer) -> float | None:
    """For negative numbers; None where a layer is no rectifier."""
    if isinstance(layer, layers.Activation):
        return _SLOPES.get(getattr(layer.activation, "__name__", ""))
    if isinstance(layer, layers.LeakyReLU):
        return float(layer.negative_slope)
    if isinstance(layer, layers.ReLU) and layer.max_value is None:
        return float(layer.negative_slope)
    return None
