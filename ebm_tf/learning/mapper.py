"""The learning step of a mapper to other classes against a classifier (VR-GAN)."""

from typing import Any

import keras
import tensorflow as tf

from ebm_tf.energies import posterior_energy
from ebm_tf.learning.optimization import (
    LabelledBatch,
    Learned,
    Metrics,
    StepFn,
    descend,
)
from ebm_tf.models.dropout import dropout_key
from ebm_tf.objectives import root_mean_squares


def other_classes(labels: tf.Tensor, num_classes: int, seed: tf.Tensor) -> tf.Tensor:
    """Classes [n] that are not those of the labels [n], drawn evenly."""
    away = tf.random.stateless_uniform(
        labels.shape, seed, 1, num_classes, dtype=labels.dtype
    )
    return (labels + away) % num_classes


def classifier_update(
    classifier: Learned, batch: LabelledBatch, mapped: tf.Tensor, mapped_weight: float
) -> Metrics:
    """Lowers the loss on data, and a little that on mapped images [n, ...].

    A mapped image keeps the label of the image that it comes from. Each kind is
    normalised by its own statistics where there are any, data first.
    """
    model = classifier.model
    with tf.GradientTape() as tape:
        of_data, of_mapped = (
            tf.reduce_mean(posterior_energy(model(x, training=True), batch.labels))
            for x in (batch.images, mapped)
        )
        loss = of_data + mapped_weight * of_mapped
    gradients = tape.gradient(loss, model.trainable_variables)
    return {
        "data_loss": of_data,
        "mapped_loss": of_mapped,
        "classifier_grad_norm": descend(classifier, gradients),
    }


def mapper_loss(
    classifier: keras.Model,
    images: tf.Tensor,
    differences: tf.Tensor,
    wrong: tf.Tensor,
    *,
    flip_weight: float,
    norm_weight: float,
) -> tuple[tf.Tensor, Metrics]:
    """What a mapper lowers: mapped images should be of the class, and near.

    Args:
      classifier: of now, in inference mode.
      images: float32 [n, ...].
      differences: of the same shape.
      wrong: the classes [n] to which images are mapped.
      flip_weight: of the cross-entropy of these classes.
      norm_weight: of the mean of |difference| / sqrt(D), D numbers in each.

    Source: Bigolin Lanfredi et al. (2023), eq. 11 and 12.
    """
    logits = classifier(images + differences, training=False)
    flip = tf.reduce_mean(posterior_energy(logits, wrong))
    norm = tf.reduce_mean(root_mean_squares(differences))
    flipped = tf.argmax(logits, -1, wrong.dtype) == wrong
    metrics = {
        "flip_loss": flip,
        "flip_rate": tf.reduce_mean(tf.cast(flipped, tf.float32)),
        "difference": norm,
    }
    return flip_weight * flip + norm_weight * norm, metrics


def make_step(
    mapper: Learned,
    classifier: Learned,
    *,
    num_classes: int,
    mapped_weight: float,
    flip_weight: float,
    norm_weight: float,
) -> StepFn[tuple, LabelledBatch, tuple]:
    """The step (state, batch, seed) -> (state, metrics, ()) of one replica.

    The classifier learns from the mapped images first, and then the mapper from the
    classifier that this made: only the weights of the classifier move in between, so
    that the images are mapped once.

    Args:
      mapper: maps [images, labels, wrong] to differences.
      classifier: maps images to logits.
      num_classes: of both.
      mapped_weight: of the classifier's loss on mapped images.
      flip_weight: as for `mapper_loss`.
      norm_weight: as for `mapper_loss`.

    Returns:
      The step. Its metrics: data_loss, mapped_loss and flip_loss (cross-entropies),
      flip_rate (the share of mapped images that the classifier takes for the other
      class), difference (root mean square), and the norms of both gradients.
    """

    def step(state: tuple, batch: LabelledBatch, seed: tf.Tensor):
        wrong = other_classes(batch.labels, num_classes, seed)
        with tf.GradientTape() as mapping:
            inputs: Any = [batch.images, batch.labels, wrong]
            differences = mapper.model(inputs, training=True)
        mapped = batch.images + differences
        with dropout_key(seed):
            metrics = classifier_update(classifier, batch, mapped, mapped_weight)
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(differences)
            loss, found = mapper_loss(
                classifier.model,
                batch.images,
                differences,
                wrong,
                flip_weight=flip_weight,
                norm_weight=norm_weight,
            )
        slope = tape.gradient(loss, differences)
        variables = mapper.model.trainable_variables
        gradients = mapping.gradient(differences, variables, output_gradients=slope)
        norm = descend(mapper, gradients)
        return state, {**metrics, **found, "mapper_grad_norm": norm}, ()

    return step
