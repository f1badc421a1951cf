"""What all learning steps have in common."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeVar

import keras
import tensorflow as tf

from ebm_tf.config.optimizers import Optimizer, Sgd
from ebm_tf.learning import optimizers
from ebm_tf.schedules import ScaledSchedule


class LabelledBatch(NamedTuple):
    """Examples of a replica.

    Attributes:
      images: float32 [b, H, W, C] in [-1, 1].
      labels: int64 [b].
    """

    images: tf.Tensor
    labels: tf.Tensor


State = TypeVar("State")
Batch = TypeVar("Batch")
Outputs = TypeVar("Outputs")

# Float32 scalars of one update, by name.
Metrics = dict[str, tf.Tensor]
# (state, batch, seed) -> (state, metrics, outputs) of one replica.
StepFn = Callable[[State, Batch, tf.Tensor], tuple[State, Metrics, Outputs]]


class Learned(NamedTuple):
    """A network that learns.

    Attributes:
      model: the network.
      optimizer: built for it.
      max_grad_norm: bound on the norm of each weight tensor's gradient, or None.
      average: a second network, for the averaged weights; `averaged` fills it.
      max_global_norm: bound on the norm of all gradients together, or None.
    """

    model: keras.Model
    optimizer: keras.Optimizer
    max_grad_norm: float | None
    average: keras.Model
    max_global_norm: float | None = None

    @property
    def rate(self) -> ScaledSchedule:
        """The learning rate schedule, whose factor can be set."""
        return self.optimizer._learning_rate


def learned(settings: Optimizer | Sgd, build: Callable[[], keras.Model]) -> Learned:
    """Builds what a network needs to learn; call it in the strategy's scope."""
    model, rate = build(), ScaledSchedule(settings.learning_rate)
    make: Any = optimizers.Sgd
    options: dict[str, Any] = {"use_ema": True, "ema_momentum": settings.average_decay}
    if isinstance(settings, Sgd):
        make, decay = optimizers.MomentumSgd, settings.weight_decay
        options |= {"momentum": settings.momentum, "coupled_decay": decay}
        options["nesterov"] = settings.nesterov
    elif settings.name == "adam":
        make = optimizers.Adam
        options |= {"beta_1": settings.beta_1, "beta_2": settings.beta_2}
    elif settings.name == "rmsprop":
        make = optimizers.RmsProp
    optimizer = make(learning_rate=rate, **options)
    optimizer.average_warmup = settings.average_warmup
    optimizer.build(model.trainable_variables)
    bounds = settings.max_grad_norm, settings.max_global_norm
    return Learned(model, optimizer, bounds[0], build(), bounds[1])


def mean_over_replicas(tensors: Sequence[tf.Tensor]) -> list[tf.Tensor]:
    """The mean of each tensor over the replicas; called on each of them."""
    context = tf.distribute.get_replica_context()
    return context.all_reduce(tf.distribute.ReduceOp.MEAN, list(tensors))


def within(gradients: Sequence[tf.Tensor], norm: float) -> list[tf.Tensor]:
    """Gradients, divided by one number where their common norm is above the bound.

    Those within it keep their bits. Ones that are no numbers stay so.
    """
    found = tf.linalg.global_norm(gradients)
    factor = tf.where(found > norm, norm / found, 1.0)
    return [factor * gradient for gradient in gradients]


def descend(network: Learned, gradients: Sequence[tf.Tensor]) -> tf.Tensor:
    """Updates the weights by the mean over replicas of the given gradients.

    Each tensor is clipped after the mean, so that the update does not depend on how
    the batch was divided, and then all of them together.

    Returns:
      The norm of all gradients together, before they are clipped.
    """
    gradients = mean_over_replicas(gradients)
    norm = tf.linalg.global_norm(gradients)
    if network.max_grad_norm is not None:
        gradients = [tf.clip_by_norm(g, network.max_grad_norm) for g in gradients]
    if network.max_global_norm is not None:
        gradients = within(gradients, network.max_global_norm)
    # Keras sums over replicas what has been averaged already.
    num_replicas = tf.distribute.get_strategy().num_replicas_in_sync
    gradients = [g / num_replicas for g in gradients]
    network.optimizer.apply(gradients, network.model.trainable_variables)
    return norm


def averaged(network: Learned) -> keras.Model:
    """The second network with the current averaged weights.

    What is not trained, such as moving statistics, is taken as it is.
    """
    model, average = network.model, network.average
    for target, variable in zip(average.variables, model.variables, strict=True):
        target.assign(variable.numpy())
    if network.optimizer.iterations.numpy() == 0:  # Keras begins the averages at 0
        return average
    means = network.optimizer._model_variables_moving_average
    for target, mean in zip(average.trainable_variables, means, strict=True):
        target.assign(mean.numpy())
    return average
