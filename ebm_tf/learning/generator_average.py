"""The averaged weights of a generator, and the statistics that belong to them."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from ebm_tf.learning.optimization import Learned, averaged
from ebm_tf.models.blocks import BATCH_NORM_MOMENTUM
from ebm_tf.models.latents import LatentsFn

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
      draw_latents: (n, seed) -> latents [n, z] of its prior.
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
    part = 1.0 - BATCH_NORM_MOMENTUM
    return [a + (b - a) / part for a, b in zip(others, found[1], strict=True)]
