"""What a discriminator and a generator minimise, each against the other."""

from collections.abc import Callable
from typing import NamedTuple

import keras
import tensorflow as tf

from ebm_tf import objectives
from ebm_tf.config.generator import Hinge, MultiHinge
from ebm_tf.learning.optimization import LabelledBatch, Metrics
from ebm_tf.models.latents import classes_of


class Game(NamedTuple):
    """The losses of two networks.

    Attributes:
      of_discriminator: (discriminator, data, samples [b, H, W, C], their latents) ->
        the discriminator's loss, and metrics by name.
      of_generator: the same, of None for data where they do not matter -> the
        generator's loss; the discriminator is in inference mode.
    """

    of_discriminator: Callable[
        [keras.Model, LabelledBatch, tf.Tensor, tf.Tensor], tuple[tf.Tensor, Metrics]
    ]
    of_generator: Callable[
        [keras.Model, LabelledBatch | None, tf.Tensor, tf.Tensor], tf.Tensor
    ]


def _inputs(
    discriminator: keras.Model, images: tf.Tensor, classes: Callable[[], tf.Tensor]
) -> list[tf.Tensor] | tf.Tensor:
    """The images, with their classes where the discriminator takes them."""
    return [images, classes()] if len(discriminator.inputs) > 1 else images


def _hinge_of_discriminator(
    discriminator: keras.Model,
    real: LabelledBatch,
    images: tf.Tensor,
    latents: tf.Tensor,
) -> tuple[tf.Tensor, Metrics]:
    """Raises the scores of data and lowers those of samples.

    Both go through the network in one pass, so an update makes one power iteration.
    """
    batch = real.images.shape[0]

    def classes() -> tf.Tensor:
        return tf.concat([tf.cast(real.labels, tf.int32), classes_of(latents)], 0)

    together = tf.concat([real.images, images], 0)
    scores = discriminator(_inputs(discriminator, together, classes), training=True)
    of_data, of_samples = scores[:batch], scores[batch:]
    return objectives.hinge_of_discriminator(of_data, of_samples), {
        "score_data": tf.reduce_mean(of_data),
        "score_samples": tf.reduce_mean(of_samples),
    }


def _hinge_of_generator(
    discriminator: keras.Model,
    real: LabelledBatch | None,
    images: tf.Tensor,
    latents: tf.Tensor,
) -> tf.Tensor:
    """Raises the scores of samples."""
    del real
    inputs = _inputs(discriminator, images, lambda: classes_of(latents))
    return objectives.hinge_of_generator(discriminator(inputs, training=False))


# Its metrics are the means of scores of data and of samples.
HINGE = Game(_hinge_of_discriminator, _hinge_of_generator)


def multi_hinge(
    num_classes: int, *, class_weight: float, feature_weight: float
) -> Game:
    """A discriminator of K classes and one of samples (Kavalerov et al., 2021).

    Its metrics are `right_data`, the share of data that get their class, and
    `found_samples`, the share of samples that are taken for such.

    Args:
      num_classes: K; the discriminator has one output more, and gives features.
      class_weight: of the generator's hinge, of the classes of its latents.
      feature_weight: of the matching of mean features.
    """

    def of_discriminator(
        discriminator: keras.Model,
        real: LabelledBatch,
        images: tf.Tensor,
        latents: tf.Tensor,
    ) -> tuple[tf.Tensor, Metrics]:
        del latents
        batch = real.images.shape[0]
        scores, _ = discriminator(tf.concat([real.images, images], 0), training=True)
        none = tf.fill([images.shape[0]], tf.constant(num_classes, real.labels.dtype))
        targets = tf.concat([real.labels, none], 0)
        right = tf.cast(tf.argmax(scores, -1) == targets, tf.float32)
        loss = sum(
            objectives.multi_hinge(scores[part], targets[part])
            for part in (slice(batch), slice(batch, None))
        )
        return loss, {
            "right_data": tf.reduce_mean(right[:batch]),
            "found_samples": tf.reduce_mean(right[batch:]),
        }

    def of_generator(
        discriminator: keras.Model,
        real: LabelledBatch | None,
        images: tf.Tensor,
        latents: tf.Tensor,
    ) -> tf.Tensor:
        assert real is not None
        scores, features = discriminator(images, training=False)
        _, of_data = discriminator(real.images, training=False)
        matching = objectives.feature_matching(features, of_data)
        hinge = objectives.multi_hinge(scores, classes_of(latents))
        return feature_weight * matching + class_weight * hinge

    return Game(of_discriminator, of_generator)


def game(objective: Hinge | MultiHinge, num_classes: int | None) -> Game:
    """The game of an objective, of which `MultiHinge` needs classes."""
    if isinstance(objective, Hinge) or num_classes is None:
        return HINGE
    return multi_hinge(
        num_classes,
        class_weight=objective.class_weight,
        feature_weight=objective.feature_weight,
    )
