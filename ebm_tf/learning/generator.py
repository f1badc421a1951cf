"""The learning step of a generator against a discriminator, and its average."""

from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from ebm_tf.learning.games import HINGE, Game
from ebm_tf.learning.optimization import (
    LabelledBatch,
    Learned,
    Metrics,
    StepFn,
    averaged,
    descend,
)
from ebm_tf.models.blocks import BATCH_NORM_MOMENTUM
from ebm_tf.models.dropout import dropout_key
from ebm_tf.models.latents import LatentsFn


def discriminator_update(
    discriminator: Learned,
    real: LabelledBatch,
    images: tf.Tensor,
    latents: tf.Tensor,
    game: Game = HINGE,
) -> Metrics:
    """Learns to tell data from images [b, H, W, C] of latents [b, z]."""
    with tf.GradientTape() as tape:
        loss, metrics = game.of_discriminator(
            discriminator.model, real, images, latents
        )
    gradients = tape.gradient(loss, discriminator.model.trainable_variables)
    return {
        "discriminator_loss": loss,
        **metrics,
        "discriminator_grad_norm": descend(discriminator, gradients),
    }


def generator_update(
    generator: Learned,
    discriminator: keras.Model,
    latents: tf.Tensor,
    real: LabelledBatch | None = None,
    game: Game = HINGE,
) -> Metrics:
    """Learns that images of latents [b, z] pass for data; the discriminator stays."""
    with tf.GradientTape() as tape:
        images = generator.model(latents, training=True)
        loss = game.of_generator(discriminator, real, images, latents)
    gradients = tape.gradient(loss, generator.model.trainable_variables)
    norm = descend(generator, gradients)
    return {"generator_loss": loss, "generator_grad_norm": norm}


def make_step(
    generator: Learned,
    discriminator: Learned,
    draw_latents: LatentsFn,
    game: Game = HINGE,
) -> StepFn[tuple, Sequence[LabelledBatch], tf.Tensor]:
    """The step (state, batches, seed) -> (state, metrics, latents) of one replica.

    The discriminator learns once from each batch of data, against images of latents
    of its own, and then the generator once (Miyato et al., 2018, alg. 1). All images
    are normalised by the statistics of their own batch, which is how the generator is
    learned; so each of them moves the moving statistics. The metrics of the
    discriminator are means over its updates, the latents those of the generator's.

    Args:
      generator: maps latents to images.
      discriminator: maps images, perhaps with classes, to scores.
      draw_latents: the prior of latents.
      game: what both minimise.

    Returns:
      The step. Its metrics: discriminator_loss and generator_loss, those of the game,
      discriminator_grad_norm and generator_grad_norm (before clipping); none has a
      unit.
    """

    def step(state, batches: Sequence[LabelledBatch], seed: tf.Tensor):
        *keys, last = tf.unstack(tf.random.split(seed, len(batches) + 1))
        updates = []
        for real, key in zip(batches, keys, strict=True):
            latents = draw_latents(real.images.shape[0], key)
            images = generator.model(latents, training=True)
            with dropout_key(key):
                update = discriminator_update(
                    discriminator, real, images, latents, game
                )
            updates.append(update)
        metrics = {
            name: tf.reduce_mean([update[name] for update in updates])
            for name in updates[0]
        }
        latents = draw_latents(batches[-1].images.shape[0], last)
        metrics |= generator_update(
            generator, discriminator.model, latents, batches[-1], game
        )
        return state, metrics, latents

    return step


NUM_STATISTICS = 20


def renewed_average(
    generator: Learned, draw_latents: LatentsFn, *, batch: int, key: tf.Tensor
) -> Callable[[], keras.Model]:
    """What gives the current averaged weights, with statistics of their own.

    Moving statistics are those of the raw weights, and another network's images
    are normalised wrongly by them. So they are recomputed, as means over batches of
    fixed latents (Izmailov et al., 2018, section 3.3), in this process alone.

    Args:
      generator: learns, and normalises by the statistics of its batches.
      draw_latents: (n, seed) -> latents [n, z] of its prior, or what it is given else.
      batch: latents in each of `NUM_STATISTICS` batches.
      key: of those latents, int32 [2].

    Returns:
      A function that fills the generator's second network and returns it. The bits
      depend on the weights and their averages alone.
    """

    @tf.function(autograph=False)
    def statistics(seed: tf.Tensor) -> list[tf.Tensor]:
        return batch_statistics(generator.average, draw_latents(batch, seed))

    def average() -> keras.Model:
        model = averaged(generator)
        found = [
            statistics(tf.random.fold_in(key, index)) for index in range(NUM_STATISTICS)
        ]
        for variable, values in zip(
            model.non_trainable_variables, zip(*found, strict=True), strict=True
        ):
            variable.assign(np.mean(values, axis=0))
        return model

    return average


def batch_statistics(model: keras.Model, latents: tf.Tensor) -> list[tf.Tensor]:
    """What moving statistics would be if they were those of one batch of latents.

    Returns:
      A value for each of the model's other variables than trained ones; the model
      stays as it is.
    """
    trained = [tf.convert_to_tensor(v.value) for v in model.trainable_variables]
    others = [tf.convert_to_tensor(v.value) for v in model.non_trainable_variables]
    found: Any = model.stateless_call(trained, others, latents, training=True)
    # A step in training mode moves them a part of the way to those of its batch.
    moved = zip(others, found[1], _momenta(model), strict=True)
    return [a + (b - a) / (1.0 - momentum) for a, b, momentum in moved]


def _momenta(model: keras.Model) -> list[float]:
    """What a step leaves of each variable that is not trained."""
    of_layers = {
        id(variable): getattr(layer, "momentum", BATCH_NORM_MOMENTUM)
        for layer in model._flatten_layers()
        for variable in layer._non_trainable_variables
    }
    return [
        of_layers.get(id(variable), BATCH_NORM_MOMENTUM)
        for variable in model.non_trainable_variables
    ]
