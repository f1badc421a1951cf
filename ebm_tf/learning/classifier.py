"""The learning step of a classifier, for one replica."""

import functools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Protocol

import keras
import tensorflow as tf

from ebm_tf import robust_objectives
from ebm_tf.config.classification import WeightPerturbation
from ebm_tf.config.objectives import Objective, Sat
from ebm_tf.directions.alignment import aligned
from ebm_tf.directions.opening import OpenDirections
from ebm_tf.energies import joint_energy, marginal_energy
from ebm_tf.learning.adversary import PerturbFn, perturbed
from ebm_tf.learning.optimization import (
    LabelledBatch,
    Learned,
    Metrics,
    StepFn,
    descend,
    mean_over_replicas,
)
from ebm_tf.models.dropout import dropout_key
from ebm_tf.robust_objectives import Predictions

# Folded into the key of an update, which the attack divides in two.
DROPOUT, DIRECTIONS = 2, 3


class PredictFn(Protocol):
    """Images -> what the network makes of them, in float32."""

    def __call__(
        self, images: tf.Tensor, *, training: bool = True, moves: bool = True
    ) -> Any:
        """Predicts in training mode or in inference mode.

        `moves` says whether a pass in training mode moves the network's statistics.
        """
        ...


# What predicts -> the loss, and a nest of tensors that it was computed from.
ObjectiveFn = Callable[[PredictFn], tuple[tf.Tensor, Any]]


class Reward(NamedTuple):
    """What `config.directions.AlignmentReward` asks for: its weight, and directions."""

    weight: float
    directions: OpenDirections


class ClassifierState(NamedTuple):
    """What a step carries besides weights and slots.

    Attributes:
      update: int64 scalar, updates so far.
    """

    update: tf.Tensor


class Differentiated(NamedTuple):
    """A loss at some weights of a network, in training mode.

    Attributes:
      loss: scalar, of the replica's batch.
      predictions: what the objective returned beside it.
      gradients: of the loss in the weights.
      statistics: the network's other variables after it, in their order.
    """

    loss: tf.Tensor
    predictions: Any
    gradients: list[tf.Tensor]
    statistics: list[tf.Tensor]


def differentiate(
    model: keras.Model, weights: Sequence[tf.Tensor], objective: ObjectiveFn
) -> Differentiated:
    """The gradients of an objective at given weights; the network stays as it is.

    Every prediction is a forward pass of its own. In training mode it is normalised
    by its own batch, and moves the statistics that the pass before has left.
    """
    weights = list(weights)
    statistics = [tf.identity(v.value) for v in model.non_trainable_variables]

    def predict(images: tf.Tensor, *, training: bool = True, moves: bool = True) -> Any:
        nonlocal statistics
        found: Any = model.stateless_call(
            weights, statistics, images, training=training
        )
        outputs, after = found
        statistics = after if moves else statistics
        return tf.nest.map_structure(lambda part: tf.cast(part, tf.float32), outputs)

    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(weights)
        loss, predictions = objective(predict)
    gradients = tape.gradient(loss, weights)
    return Differentiated(loss, predictions, gradients, statistics)


def keep_statistics(model: keras.Model, statistics: Sequence[tf.Tensor]) -> None:
    """Assigns what forward passes have made of a network's statistics.

    Whole numbers are none: they are of random generators, which draw by other keys.
    """
    pairs = zip(model.non_trainable_variables, statistics, strict=True)
    for variable, value in pairs:
        if value.dtype.is_floating:
            variable.assign(value)


def make_step(
    classifier: Learned,
    settings: Objective,
    *,
    attack: PerturbFn | None = None,
    weight_perturbation: WeightPerturbation | None = None,
    reward: Reward | None = None,
) -> StepFn[ClassifierState, LabelledBatch, tf.Tensor]:
    """The step (state, batch, seed) -> (state, metrics, images) of one replica.

    Images are attacked first, where there is an attack; then the natural ones go
    through the network in training mode, then the attacked ones, each where the
    objective needs them. Gradients that are rewarded are those in inference mode, so
    that an image's own is not that of its batch. Dropout, where there is any, drops the
    same in all passes of an update. The images that come back are the attacked ones.

    Args:
      classifier: the network that learns.
      settings: of what is minimised.
      attack: makes the attacked images.
      weight_perturbation: moves the weights to where gradients are taken.
      reward: of gradients that go with directions.

    Returns:
      The step. Its metrics: loss, grad_norm (before clipping), of `measure` those that
      the objective has logits for, and alignment where there is a reward.
    """

    def step(state: ClassifierState, batch: LabelledBatch, seed: tf.Tensor):
        images, labels = batch
        attacked = None if attack is None else attack(images, labels, seed)
        objective = _objective(settings, batch, attacked, state.update)
        if reward is not None:
            place = tf.random.fold_in(seed, DIRECTIONS)
            objective = _rewarded(objective, reward, batch, place)
        model = classifier.model
        weights = [tf.identity(v.value) for v in model.trainable_variables]
        with dropout_key(tf.random.fold_in(seed, DROPOUT)):
            if weight_perturbation is not None:
                proxy = differentiate(model, weights, objective)
                weights = perturbed(
                    weights,
                    mean_over_replicas(proxy.gradients),
                    weight_perturbation,
                    update=state.update,
                )
            found = differentiate(model, weights, objective)
        keep_statistics(model, found.statistics)
        predictions, others = found.predictions
        metrics = {"loss": found.loss, **measure(predictions, labels), **others}
        metrics["grad_norm"] = descend(classifier, found.gradients)
        outputs = images if attacked is None else attacked
        return ClassifierState(state.update + 1), metrics, outputs

    return step


def _objective(
    settings: Objective,
    batch: LabelledBatch,
    attacked: tf.Tensor | None,
    update: tf.Tensor,
) -> ObjectiveFn:
    """What is minimised; beside its predictions it has no metrics."""

    def objective(predict: PredictFn) -> tuple[tf.Tensor, tuple[Predictions, Metrics]]:
        predictions = Predictions(
            None if isinstance(settings, Sat) else predict(batch.images),
            None if attacked is None else predict(attacked),
        )
        losses = robust_objectives.per_image(
            settings, predictions, batch.labels, update=update, batch_mean=_mean_of_all
        )
        return tf.reduce_mean(losses), (predictions, {})

    return objective


def _rewarded(
    objective: ObjectiveFn, reward: Reward, batch: LabelledBatch, seed: tf.Tensor
) -> ObjectiveFn:
    """The objective, and the mean of 1 - alignment times its weight."""

    def rewarded(predict: PredictFn) -> tuple[tf.Tensor, tuple[Any, Metrics]]:
        # First, by the statistics of before, through which no gradient passes.
        network = functools.partial(predict, training=False, moves=False)
        alignments = aligned(network, *batch, reward.directions.differences, seed)
        alignment = tf.reduce_mean(alignments)
        loss, (predictions, _) = objective(predict)
        loss += reward.weight * (1.0 - alignment)
        return loss, (predictions, {"alignment": alignment})

    return rewarded


def _mean_of_all(values: tf.Tensor) -> tf.Tensor:
    return mean_over_replicas([tf.reduce_mean(values)])[0]


def measure(predictions: Predictions, labels: tf.Tensor) -> Metrics:
    """Accuracies and energies of a batch, as far as there are logits for them.

    Returns:
      Means over the batch: natural_accuracy and attacked_accuracy (shares of 1);
      of natural images weight (that of WEAT) and positive_share (with E(x) > 0); of
      both kinds delta_marginal, E(x) - E(x*), and delta_joint, E(x, y) - E(x*, y).
    """
    metrics = {
        f"{name}_accuracy": accuracy(logits, labels)
        for name, logits in predictions._asdict().items()
        if logits is not None
    }
    if predictions.natural is None:
        return metrics
    energy = marginal_energy(predictions.natural)
    weights = robust_objectives.energy_weights(predictions.natural)
    metrics["weight"] = tf.reduce_mean(weights)
    metrics["positive_share"] = tf.reduce_mean(tf.cast(energy > 0, tf.float32))
    if predictions.attacked is not None:
        of_attacked = marginal_energy(predictions.attacked)
        joint, joint_of_attacked = (
            joint_energy(logits, labels) for logits in predictions
        )
        metrics["delta_marginal"] = tf.reduce_mean(energy - of_attacked)
        metrics["delta_joint"] = tf.reduce_mean(joint - joint_of_attacked)
    return metrics


def accuracy(logits: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
    """The share of logits [n, k] whose largest is that of the label, a scalar."""
    right = tf.argmax(logits, -1, labels.dtype) == labels
    return tf.reduce_mean(tf.cast(right, tf.float32))
