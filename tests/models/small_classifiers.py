"""What the tests of classifiers compare them with, in NumPy."""

import math
from typing import Any

import keras
import numpy as np
import tensorflow as tf

SEED = tf.constant([23, 24])
LEAST_DEPTHS = {
    **{"wide_resnet": 10, "robustbench_wrn": 10, "dm_wrn": 10},
    **{"resnet": 18, "preact_resnet": 18, "small_cnn": 3, "mlp": 2},
    "sngan": None,
}
# Of architectures that cannot have another.
NORMS: dict[str, Any] = {"sngan": "none"}


def normal(*shape):
    return tf.random.stateless_normal(shape, SEED)


def count(weights) -> int:
    return sum(math.prod(weight.shape) for weight in weights)


def numpy_norm(layer, x):
    scale, offset, mean, variance = layer.get_weights()
    return (x - mean) / np.sqrt(variance + 1e-5) * scale + offset


def unsettled(model: keras.Model) -> keras.Model:
    """With statistics, scales, offsets and biases that are not 0 and 1."""
    numbers = np.random.default_rng(6)
    for weight in model.weights:
        if weight.name != "kernel":
            weight.assign(numbers.uniform(0.5, 1.5, weight.shape))
    return model
