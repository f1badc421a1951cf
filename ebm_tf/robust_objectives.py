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
    WeatAdv,
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
    return tf.gather(values, classes, axis=1, batch_dims=1)


def trades(predictions: Predictions, labels: tf.Tensor, beta: float) -> tf.Tensor:
    """Natural cross-entropy and beta times the divergence (Zhang et al., 2019)."""
    return cross_entropy(predictions.natural, labels) + beta * divergence(*predictions)


def mart(predictions: Predictions, labels: tf.Tensor, beta: float) -> tf.Tensor:
    """Boosted cross-entropy, divergence where the label is unlikely.

    Source: Wang et al. (2020), with the small constants of the authors' code.
    """
    attacked = tf.nn.softmax(predictions.attacked)
    boost = -tf.math.log(1.0001 - largest_other(attacked, labels) + 1e-12)
    own = of_class(tf.nn.softmax(predictions.natural), labels)
    regulariser = divergence(*predictions) * (1.0000001 - own)
    return cross_entropy(predictions.attacked, labels) + boost + beta * regulariser


def mail_trades(
    predictions: Predictions, labels: tf.Tensor, settings: MailTrades, update: tf.Tensor
) -> tf.Tensor:
    """TRADES whose divergence counts more where the attack wins (Wang et al., 2021).

    It does from the update on that the settings name; before, weights are 1.
    """
    margin = tf.stop_gradient(margins(predictions.attacked, labels))
    weights = 3.0 * tf.sigmoid(settings.slope * (margin + settings.bias))
    is_weighted = update >= tf.cast(settings.first_update, update.dtype)
    regulariser = tf.where(is_weighted, weights, 1.0) * divergence(*predictions)
    return cross_entropy(predictions.natural, labels) + settings.beta * regulariser


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
    match settings:
        case Clean():
            return cross_entropy(predictions.natural, labels)
        case Sat():
            return cross_entropy(predictions.attacked, labels)
        case Trades(beta=beta):
            return trades(predictions, labels, beta)
        case Mart(beta=beta):
            return mart(predictions, labels, beta)
        case MailTrades():
            return mail_trades(predictions, labels, settings, update)
        case WeatNat(beta=beta, normalize=normalize):
            logits = predictions.natural
        case WeatAdv(beta=beta, normalize=normalize):
            logits = predictions.attacked
    # Mirza et al. (2024): both terms weighted by the energy of the natural image.
    weights = energy_weights(predictions.natural)
    if normalize:
        weights /= batch_mean(weights)
    return weights * (cross_entropy(logits, labels) + beta * divergence(*predictions))
