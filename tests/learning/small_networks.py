"""Networks whose gradients are known in closed form, and steps over replicas."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from ebm_tf.config.core import Schedule
from ebm_tf.config.optimizers import Optimizer
from ebm_tf.learning.optimization import Learned, learned
from ebm_tf.runtime.distribution import Replicas, distributed, replicated

SHAPE = (2, 2, 1)
SEED = tf.constant([1, 2])


class Quadratic(keras.layers.Layer):
    """k |x|^2 / 2 + b sum(x): its gradients in k and b are half squares and sums."""

    def __init__(self, stiffness: float, **kwargs: Any):
        super().__init__(**kwargs)
        self.initial_stiffness = stiffness

    def build(self, _):
        initializer = keras.initializers.Constant(self.initial_stiffness)
        self.stiffness = self.add_weight(shape=(1,), initializer=initializer)
        self.slope = self.add_weight(shape=(1,), initializer="zeros")

    def call(self, images):
        squares = tf.reduce_sum(images**2, [1, 2, 3])[:, None]
        sums = tf.reduce_sum(images, [1, 2, 3])[:, None]
        return self.stiffness * squares / 2.0 + self.slope * sums


def quadratic(stiffness: float = 1.0, shape: tuple = SHAPE) -> keras.Model:
    inputs = keras.Input(shape)
    return keras.Model(inputs, Quadratic(stiffness)(inputs))


def affine_generator() -> keras.Model:
    """Latents [n, 3] -> images [n, 4, 4, 3] that are 0 at first."""
    inputs = keras.Input((3,))
    x = keras.layers.Dense(48, kernel_initializer="zeros")(inputs)
    return keras.Model(inputs, keras.layers.Reshape((4, 4, 3))(x))


def descending(
    build: Callable[[], keras.Model], rate: Schedule = 1.0, **settings: Any
) -> Learned:
    """A network that follows plain gradients."""
    settings = {"name": "sgd", "learning_rate": rate} | settings
    return learned(Optimizer(**settings), build)


def weights_of(model: keras.Model) -> list[np.ndarray]:
    return [np.array(weight) for weight in model.get_weights()]


def scalars(model: keras.Model) -> list[float]:
    return np.concatenate([w.ravel() for w in weights_of(model)]).tolist()


def run_updates(
    strategy: tf.distribute.Strategy,
    build: Callable[[], Learned],
    update: Callable[[Learned, Any], dict[str, tf.Tensor]],
    batches: list[list[Any]],
) -> tuple[Learned, list[dict[str, float]]]:
    """Updates a new network once for every list of the replicas' batches."""
    replicas = Replicas(strategy, jit=False)
    with strategy.scope():
        network = build()

    def step(state, batch, seed):
        del seed
        return state, update(network, batch), tf.constant(0.0)

    run = replicated(replicas, step)
    metrics = [
        run(tf.constant(0), distributed(replicas, parts), SEED)[1] for parts in batches
    ]
    return network, metrics
