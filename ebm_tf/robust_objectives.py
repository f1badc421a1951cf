"""What a classifier minimises: losses of logits, one value per image.

Logits are float32 [n, k] and labels int64 [n]; E(x) and E(x, y) are the energies of a
classifier in `energies`.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import tensorflow as tf

from ebm_tf.config.objectives import (
    Clean,
    MailTrades,
    Mart,
    Objective,
    Sat,
    Trades,
    WeatNat,
)
from ebm_tf.energies import marginal_energy

MeanFn = Callable[[tf.Tensor], tf.Tensor]


class Predictions(NamedTuple):
    """Logits [n, k] of a batch; None where an objective does not need them."""

    natural: Any
    attacked: Any


def cross_entropy(logits: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
    """-log p(y | x) = E(x, y) - E(x), float32 [n]."""
    return tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)


def divergence(natural: tf.Tensor, attacked: tf.Tensor) -> tf.Tensor:
    """KL(p || p*) of the natural prediction p and the attacked one, float32 [n]."""
    difference = tf.nn.log_softmax(natural) - tf.nn.log_softmax(attacked)
    return tf.reduce_sum(tf.nn.softmax(natural) * difference, axis=-1)


def energy_weights(natural: tf.Tensor) -> tf.Tensor:
    """1 / log(1 + exp |E(x)|), float32 [n], without a gradient.

    Source: Mirza et al. (2024). Softplus stays finite where exp |E| would not.
    """
    energy = tf.stop_gradient(marginal_energy(natural))
    return 1.0 / tf.nn.softplus(tf.abs(energy))


def margins(logits: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
    """Largest probability of another class less that of the label, [n]."""
    probabilities = tf.nn.softmax(logits)
    return largest_other(probabilities, labels) - of_class(probabilities, labels)


def of_others(values: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
    """Values [n, k] of classes, minus infinity in the place of the label's."""
    is_label = tf.one_hot(labels, values.shape[-1], True, False, dtype=tf.bool)
    return tf.where(is_label, -float("inf"), values)


def largest_other(values: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
    """The largest of values [n, k] but for that of the label, [n]."""
    return tf.reduce_max(of_others(values, labels), axis=-1)


def of_class(values: tf.Tensor, classes: tf.Tensor) -> tf.Tensor:
    """Of values [n, k] that of one class of each image, [n]."""
    return tf.gather(values, classes, axis=-1, batch_dims=1)


def mart(predictions: Predictions, labels: tf.Tensor, *, beta: float) -> tf.Tensor:
    """Boosted cross-entropy, divergence where the label is unlikely.

    Source: Wang et al. (2020), with the small constants of the authors' code.
    """
    attacked = tf.nn.softmax(predictions.attacked)
    boost = -tf.math.log(1.0001 - largest_other(attacked, labels) + 1e-12)
    own = of_class(tf.nn.softmax(predictions.natural), labels)
    regulariser = divergence(*predictions) * (1.0000001 - own)
    return cross_entropy(predictions.attacked, labels) + boost + beta * regulariser


def mail_weights(
    attacked: tf.Tensor, labels: tf.Tensor, settings: MailTrades, update: tf.Tensor
) -> tf.Tensor:
    """Factors [n] of the divergence, larger where the attack wins; 1 at first.

    Source: Wang et al. (2021).
    """
    margin = tf.stop_gradient(margins(attacked, labels))
    weights = 3.0 * tf.sigmoid(settings.slope * (margin + settings.bias))
    weighted = update >= tf.cast(settings.first_update, update.dtype)
    return tf.where(weighted, weights, 1.0)


def per_image(
    settings: Objective,
    predictions: Predictions,
    labels: tf.Tensor,
    *,
    update: tf.Tensor,
    batch_mean: MeanFn = tf.reduce_mean,
) -> tf.Tensor:
    """The losses [n] that an objective asks for; their mean is what is minimised.

    Args:
      settings: of the objective.
      predictions: of a batch.
      labels: of its images.
      update: updates so far, an integer scalar.
      batch_mean: mean of values [n] over the batch of all replicas.
    """
    natural, attacked = predictions
    match settings:
        case Clean():
            return cross_entropy(natural, labels)
        case Sat():
            return cross_entropy(attacked, labels)
        case Trades(beta=beta):
            return cross_entropy(natural, labels) + beta * divergence(*predictions)
        case Mart(beta=beta):
            return mart(predictions, labels, beta=beta)
        case MailTrades(beta=beta):
            weights = mail_weights(attacked, labels, settings, update)
            regulariser = weights * divergence(*predictions)
            return cross_entropy(natural, labels) + beta * regulariser
    # WEAT_nat has natural cross-entropy, WEAT_adv attacked one (Mirza et al., 2024).
    logits = natural if isinstance(settings, WeatNat) else attacked
    weights = energy_weights(natural)
    if settings.normalize:
        weights /= batch_mean(weights)
    loss = cross_entropy(logits, labels) + settings.beta * divergence(*predictions)
    return weights * loss
