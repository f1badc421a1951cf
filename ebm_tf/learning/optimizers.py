"""Optimizers whose weight averages may forget the beginning."""

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from ebm_tf.config.optimizers import OneCycle
from ebm_tf.schedules import ScaledSchedule, value


def decay_of(update: tf.Tensor, decay: float) -> tf.Tensor:
    """The decay of the average at an update: min(decay, (1 + n) / (10 + n)).

    So an average of n updates is never more than of the last tenth of them or so,
    as that of TensorFlow's `ExponentialMovingAverage` with its `num_updates`.

    Args:
      update: n, how many came before; an integer scalar.
      decay: of long averages.
    """
    before = tf.cast(update, tf.float32)
    return tf.minimum(decay, (1.0 + before) / (10.0 + before))


class Averaging(keras.Optimizer):
    """Optimizers whose weight average, which Keras keeps, may warm up.

    Attributes:
      average_warmup: whether its decay is that of `decay_of` rather than constant.
    """

    average_warmup = False

    @property
    def ema_momentum(self) -> tf.Tensor | float:
        """The current decay, under the name by which Keras asks for it."""
        if not self.average_warmup:
            return self._decay
        return decay_of(tf.convert_to_tensor(self.iterations), self._decay)

    @ema_momentum.setter
    def ema_momentum(self, decay: float) -> None:
        self._decay = decay


class Adam(Averaging, keras.optimizers.Adam):
    """Adam with such an average."""


class Sgd(Averaging, keras.optimizers.SGD):
    """Plain gradient descent with such an average."""


class RmsProp(Averaging):
    """s <- a s + (1 - a) g^2; w <- w - rate g / (sqrt(s) + e), for every weight w.

    This is PyTorch's form, from s = 0; Keras has e inside of the root.

    Attributes:
      decay: a.
      epsilon: e.
    """

    decay = 0.99
    epsilon = 1e-8

    def build(self, variables: Sequence[keras.Variable]) -> None:
        """Creates the means of squares, 0 at first."""
        if not self.built:
            super().build(variables)
            self._squares = self.add_optimizer_variables(variables, "mean_square")

    def update_step(
        self, gradient: tf.Tensor, variable: Any, learning_rate: tf.Tensor
    ) -> None:
        """Updates one weight."""
        square = self._squares[self._get_variable_index(variable)]
        gradient = tf.convert_to_tensor(gradient)
        before = self.decay * tf.convert_to_tensor(square)
        self.assign(square, before + (1 - self.decay) * tf.square(gradient))
        root = tf.sqrt(tf.convert_to_tensor(square))
        self.assign_sub(variable, learning_rate * gradient / (root + self.epsilon))


class MomentumSgd(Averaging):
    """v <- m v + g + d w; w <- w - rate v, for every weight w with gradient g.

    With Nesterov's look ahead the last is w <- w - rate (g + d w + m v).

    Keras' SGD has the rate inside of v and its decay outside of the gradient. They
    differ where the rate or the momentum changes from update to update.

    Attributes:
      momentum: m, a constant or a cycle over updates.
      coupled_decay: d.
      nesterov: whether a step looks ahead.
    """

    def __init__(
        self,
        learning_rate: ScaledSchedule,
        *,
        momentum: float | OneCycle,
        coupled_decay: float,
        nesterov: bool = False,
        **settings: Any,
    ):
        """Takes what every optimizer of Keras takes as further settings."""
        super().__init__(learning_rate=learning_rate, **settings)
        self.momentum = momentum
        self.coupled_decay = coupled_decay
        self.nesterov = nesterov

    def build(self, variables: Sequence[keras.Variable]) -> None:
        """Creates the velocities, 0 at first."""
        if not self.built:
            super().build(variables)
            self._velocities = self.add_optimizer_variables(variables, "velocity")

    def update_step(
        self, gradient: tf.Tensor, variable: Any, learning_rate: tf.Tensor
    ) -> None:
        """Updates one weight; the number of the update is `iterations`.

        What is a sum of three is assigned twice: of one such sum TensorFlow chooses the
        order on each replica by itself, and weights would drift apart by roundings.
        """
        velocity = self._velocities[self._get_variable_index(variable)]
        update = tf.convert_to_tensor(self.iterations)
        momentum = value(self.momentum, update, tf.float32)
        weights = tf.convert_to_tensor(variable)
        decayed = tf.convert_to_tensor(gradient) + self.coupled_decay * weights
        self.assign(velocity, momentum * tf.convert_to_tensor(velocity))
        self.assign_add(velocity, decayed)
        step = tf.convert_to_tensor(velocity)
        if self.nesterov:
            self.assign_sub(variable, learning_rate * decayed)
            step = momentum * step
        self.assign_sub(variable, learning_rate * step)
