"""The weight average that an optimizer keeps, and how it forgets the beginning."""

import keras
import tensorflow as tf


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
    """A part of optimizers: the average that Keras keeps may warm up.

    Attributes:
      average_warmup: whether its decay is that of `decay_of` rather than constant.
    """

    average_warmup = False

    @property
    def ema_momentum(self) -> tf.Tensor | float:
        """The decay of now, under the name by which Keras asks for it."""
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
