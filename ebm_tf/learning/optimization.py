"""How weights follow their gradients, on any number of replicas."""

from collections.abc import Sequence

import keras
import tensorflow as tf

from ebm_tf.config.parts import Optimizer
from ebm_tf.schedules import ScaledSchedule

OPTIMIZERS = {"adam": keras.optimizers.Adam, "sgd": keras.optimizers.SGD}


def build_optimizer(settings: Optimizer, model: keras.Model) -> keras.Optimizer:
    """An optimizer with its slots and averages; call it in the strategy's scope."""
    optimizer = OPTIMIZERS[settings.name](
        learning_rate=ScaledSchedule(settings.learning_rate),
        use_ema=True,
        ema_momentum=settings.average_decay,
    )
    optimizer.build(model.trainable_variables)
    return optimizer


def descend(
    optimizer: keras.Optimizer,
    model: keras.Model,
    gradients: Sequence[tf.Tensor],
    max_norm: float | None,
) -> tf.Tensor:
    """Updates the weights by the mean over replicas of the given gradients.

    Each tensor is clipped to `max_norm` after the mean, so that the update does not
    depend on how the batch was divided.

    Returns:
      The norm of all gradients together, before they are clipped.
    """
    context = tf.distribute.get_replica_context()
    gradients = context.all_reduce(tf.distribute.ReduceOp.MEAN, list(gradients))
    norm = tf.linalg.global_norm(gradients)
    if max_norm is not None:
        gradients = [tf.clip_by_norm(gradient, max_norm) for gradient in gradients]
    # Keras sums over replicas what has been averaged already.
    num_replicas = context.num_replicas_in_sync
    gradients = [gradient / num_replicas for gradient in gradients]
    optimizer.apply(gradients, model.trainable_variables)
    return norm


def assign_average(
    average: keras.Model, model: keras.Model, optimizer: keras.Optimizer
) -> None:
    """Gives a second network of the same build the averaged weights of the first.

    What is not trained, such as moving statistics, is taken as it is.
    """
    for target, variable in zip(average.variables, model.variables, strict=True):
        target.assign(variable.numpy())
    for target, value in zip(
        average.trainable_variables,
        optimizer._model_variables_moving_average,
        strict=True,
    ):
        target.assign(value.numpy())
