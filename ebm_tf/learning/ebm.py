"""The learning step of an energy-based model, for one replica."""

from collections.abc import Callable
from typing import Any, NamedTuple

import tensorflow as tf

from ebm_tf import objectives
from ebm_tf.learning.optimization import Learned, Metrics, StepFn, descend
from ebm_tf.protocols import Advance, Chains, ChainSource, InitializeFn, SampleFn


class EbmBatch(NamedTuple):
    """What a step takes from the data.

    Attributes:
      images: float32 [b, H, W, C] in [-1, 1]; empty where a generator makes the data.
      starts: float32 [b, H, W, C], other images for chains that start from data;
        empty where none do.
    """

    images: tf.Tensor
    starts: tf.Tensor


def contrastive_update(
    energy: Learned,
    data: tf.Tensor,
    samples: tf.Tensor,
    temperature: float,
    counts: Any = (),
) -> Metrics:
    """Lowers the energy of data and raises that of samples, both [b, H, W, C].

    `counts` says which samples count, as for `objectives.counted_mean`.

    Returns:
      energy_difference, energy_data and energy_samples, means in units of T, and
      grad_norm before clipping.
    """
    with tf.GradientTape() as tape:
        positive = energy.model(data, training=False)
        negative = energy.model(samples, training=False)
        loss = objectives.contrastive(positive, negative, temperature, counts)
    gradients = tape.gradient(loss, energy.model.trainable_variables)
    return {
        "energy_difference": loss,
        "energy_data": tf.reduce_mean(positive) / temperature,
        "energy_samples": objectives.counted_mean(negative, counts) / temperature,
        "grad_norm": descend(energy, gradients),
    }


def cooperative_update(
    generator: Learned, chains: Chains, *, training: bool
) -> Metrics:
    """Moves the generator's images to where their chains went (Xie et al., 2018).

    Args:
      generator: learns the map from latents to refined images.
      chains: refined images, with the latents that they began from.
      training: whether batch normalisation uses the statistics of this batch.

    Returns:
      generator_loss, the mean squared distance of images in [-1, 1], and
      generator_grad_norm before clipping.
    """
    with tf.GradientTape() as tape:
        images = generator.model(chains.latents, training=training)
        loss = objectives.reconstruction(images, chains.images)
    gradients = tape.gradient(loss, generator.model.trainable_variables)
    norm = descend(generator, gradients)
    return {"generator_loss": loss, "generator_grad_norm": norm}


def healthy_images(advance: Advance) -> tf.Tensor:
    """The images of chains, black where unhealthy: no gradient may meet a NaN."""
    return or_else(-1.0, advance.chains.images, advance.info.healthy)


def or_else(other: float, values: tf.Tensor, counts: Any) -> tf.Tensor:
    """Values [n, ...] where they count, by float32 [n] of 1 and 0; () counts all."""
    if isinstance(counts, tuple):
        return values
    shape = [-1] + [1] * (values.shape.rank - 1)
    return tf.where(tf.reshape(counts, shape) > 0, values, other)


def measure_chains(advance: Advance) -> Metrics:
    """What sampled chains did.

    Returns:
      Means of drift_norm (the way of a healthy image in the last step), rejuvenated
      (the share of chains reinitialised) and age (visits); with hygiene also of
      unhealthy (the share of chains that leave the replay buffer for it).
    """
    info = advance.info
    drift_norms = or_else(0.0, info.step.drift_norm, info.healthy)
    metrics = {
        "drift_norm": objectives.counted_mean(drift_norms, info.healthy),
        "rejuvenated": tf.reduce_mean(info.reinitialised),
        "age": tf.reduce_mean(tf.cast(advance.chains.ages, tf.float32)),
    }
    if not isinstance(info.healthy, tuple):
        metrics["unhealthy"] = tf.reduce_mean(1.0 - info.healthy)
    return metrics


def make_step(
    energy: Learned,
    source: ChainSource,
    sample: SampleFn,
    *,
    initializer: Callable[[tf.Tensor], InitializeFn],
    positives: Callable[[EbmBatch, tf.Tensor], tf.Tensor],
    temperature: float,
    data_epsilon: float,
    update_generator: Callable[[Chains], Metrics] | None = None,
) -> StepFn[Any, EbmBatch, Chains]:
    """The step (state, batch, seed) -> (state, metrics, chains) of one replica.

    Chains are advanced, the energy learns from noisy data against them, and then
    the generator, where one learns, from the chains (Hill et al., 2022, alg. 1).

    Args:
      energy: the network that learns.
      source: where chains live.
      sample: moves them.
      initializer: where chains start, given the starts of a batch.
      positives: (batch, seed) -> the data [b, H, W, C].
      temperature: T.
      data_epsilon: standard deviation of the noise that is added to data.
      update_generator: learns from the sampled chains.

    Returns:
      The step. Its metrics: those of both updates and of `measure_chains`.
    """

    def step(state, batch: EbmBatch, seed: tf.Tensor):
        keys = tf.unstack(tf.random.split(seed, 3))
        data = positives(batch, keys[0])
        advance = source(
            state, sample, initializer(batch.starts), data.shape[0], keys[1]
        )
        chains = advance.chains
        noise = tf.random.stateless_normal(data.shape, keys[2])
        metrics = contrastive_update(
            energy,
            data + data_epsilon * noise,
            healthy_images(advance),
            temperature,
            advance.info.healthy,
        )
        if update_generator is not None:
            metrics |= update_generator(chains)
        return advance.state, metrics | measure_chains(advance), chains

    return step
