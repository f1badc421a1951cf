"""Dropout that is a function of a key, so that a run which goes on drops the same.

The dropout of Keras keeps the state of its generator in a variable, which a replica of
`tf.distribute` cannot assign and which checkpoints do not have.
"""

import contextlib
import contextvars
from collections.abc import Iterator
from typing import Any

import keras
import tensorflow as tf

# Each thread has its own value: replicas are traced in threads that take turns.
_KEY: contextvars.ContextVar[tf.Tensor | None] = contextvars.ContextVar(
    "dropout_key", default=None
)


@contextlib.contextmanager
def dropout_key(key: tf.Tensor) -> Iterator[None]:
    """Forward passes in training mode inside of it drop by this key, int32 [2].

    Equal keys drop the same, but XLA draws other numbers than what it does not compile.
    Enter it in replica context, and inside the function that is traced: a function that
    was traced under a key from outside keeps that key.
    """
    token = _KEY.set(key)
    try:
        yield
    finally:
        _KEY.reset(token)


def follow_key(generator: keras.random.SeedGenerator, index: int) -> None:
    """Makes a layer of Keras' own draw by `dropout_key`, not by what it keeps.

    Args:
      generator: of the layer; its variable stays as it is.
      index: that is folded into keys, another for each layer of a network.
    """

    def draw(ordered: bool = True) -> tf.Tensor:
        del ordered
        return tf.random.fold_in(_key(f"random number {index}"), index)

    generator.next = draw


def _key(name: str) -> tf.Tensor:
    key = _KEY.get()
    if key is None:
        raise ValueError(
            f"Expected a key for {name} in training mode: enter dropout_key(key) "
            "around the forward pass."
        )
    return key


class Dropout(keras.layers.Layer):
    """In training mode sets numbers to 0 at random, and divides the others by 1 - rate.

    Each number of a tensor of any shape is dropped by itself (Srivastava et al., 2014),
    so that means stay. In inference mode, or where the rate is 0, it is the identity.
    """

    def __init__(self, rate: float, index: int, **kwargs: Any) -> None:
        """Sets the share that is dropped, and the number that is folded into keys.

        Args:
          rate: the share, in [0, 1).
          index: another for each layer of a network.
          **kwargs: of every layer of Keras.
        """
        super().__init__(**kwargs)
        self.rate = rate
        self.index = index

    def call(self, inputs: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Returns what is left.

        Raises:
          ValueError: in training mode outside of `dropout_key`.
        """
        if not training or self.rate == 0:
            return inputs
        key = _key(self.name)
        shape = inputs.shape if inputs.shape.is_fully_defined() else tf.shape(inputs)
        seed = tf.random.fold_in(key, self.index)
        numbers = tf.random.stateless_uniform(shape, seed)
        # In float32: 1 / (1 - rate) rounded to bfloat16 would move the mean.
        scaled = tf.cast(inputs, tf.float32) / (1.0 - self.rate)
        kept = tf.where(numbers >= self.rate, scaled, 0.0)
        return tf.cast(kept, inputs.dtype)

    def compute_output_shape(
        self, input_shape: tuple[int | None, ...]
    ) -> tuple[int | None, ...]:
        """That of the input; Keras need not run the layer, which has no key yet."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """The arguments, as Keras writes them."""
        return {**super().get_config(), "rate": self.rate, "index": self.index}
