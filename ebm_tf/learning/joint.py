"""The learning step of a joint energy-based model, for one replica.

A classifier with logits f has E(x, y) = -f(x)[y] and E(x) = -logsumexp f(x). Learning
lowers -log p(y|x), which is exact, and the energies of data against those of chains
(Grathwohl et al., 2020).
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import tensorflow as tf

from ebm_tf.config.joint import JointTerms, SharpnessAware
from ebm_tf.energies import joint_energy
from ebm_tf.learning.classifier import (
    ObjectiveFn,
    PredictFn,
    accuracy,
    differentiate,
    keep_statistics,
)
from ebm_tf.learning.ebm import healthy_images, measure_chains
from ebm_tf.learning.optimization import (
    Learned,
    Metrics,
    StepFn,
    descend,
    mean_over_replicas,
)
from ebm_tf.models.dropout import dropout_key
from ebm_tf.models.ebm import with_energy
from ebm_tf.objectives import contrastive, counted_mean
from ebm_tf.protocols import Advance, ChainSource, InitializeFn, SampleFn
from ebm_tf.robust_objectives import cross_entropy


class JointBatch(NamedTuple):
    """What a step takes from the data.

    Attributes:
      images: float32 [b, H, W, C] in [-1, 1], that have labels.
      labels: int64 [b].
      positives: float32 [n, H, W, C], of p(x); () where they are the images.
      starts: float32 [n, H, W, C], for chains that start from data; empty where none
        do.
    """

    images: tf.Tensor
    labels: tf.Tensor
    positives: Any
    starts: tf.Tensor


class Sampler(NamedTuple):
    """What gives the chains of a step.

    Attributes:
      source: where they live between updates.
      sample: moves them.
      initializer: where they start, given the starts of a batch.
      batch: chains of a replica per update.
    """

    source: ChainSource
    sample: SampleFn
    initializer: Callable[[tf.Tensor], InitializeFn]
    batch: int

    def advance(self, state: Any, starts: tf.Tensor, seed: tf.Tensor) -> Advance:
        """Picks or begins chains and samples them."""
        initialize = self.initializer(starts)
        return self.source(state, self.sample, initialize, self.batch, seed)


class Noise(NamedTuple):
    """Standard deviations of the noise that is added to images.

    Attributes:
      positives: of p(x), and of all where they are the same images.
      labelled: of p(y|x), where these are others.
    """

    positives: float
    labelled: float


class Energies(NamedTuple):
    """Energies of images, float32 [n] each, not divided by T.

    Attributes:
      marginal: E(x).
      joint: E(x, y); None where it is not needed.
      counts: float32 [n], 1 where the image counts, else 0; () where all do.
    """

    marginal: tf.Tensor
    joint: tf.Tensor | None = None
    counts: Any = ()


def contrast(
    terms: JointTerms, positive: Energies, negative: Energies, temperature: float
) -> tuple[tf.Tensor, Metrics]:
    """The terms that compare data with chains.

    Returns:
      Their weighted sum, and the metrics energy_data, energy_samples and
      energy_difference in units of T: of E(x), or of E(x, y) where only that counts.
    """
    loss = tf.constant(0.0)
    metrics: Metrics = {}
    for weight, data, samples in (
        (terms.joint, positive.joint, negative.joint),
        (terms.marginal, positive.marginal, negative.marginal),
    ):
        if weight:
            difference = contrastive(data, samples, temperature, negative.counts)
            loss += weight * difference
            of_samples = counted_mean(samples, negative.counts)
            metrics = {
                "energy_difference": difference,
                "energy_data": tf.reduce_mean(data) / temperature,
                "energy_samples": of_samples / temperature,
            }
    if terms.energy_l2:
        loss += terms.energy_l2 * sum(
            counted_mean(tf.square(part.marginal / temperature), part.counts)
            for part in (positive, negative)
        )
    return loss, metrics


def make_step(
    classifier: Learned,
    terms: JointTerms,
    sampler: Sampler | None,
    *,
    temperature: float,
    noise: Noise,
    by_batches: bool,
    sharpness_aware: SharpnessAware | None = None,
) -> StepFn[Any, JointBatch, Any]:
    """The step (state, batch, seed) -> (state, metrics, chains) of one replica.

    Chains are advanced, then the weights descend the sum of all terms at once.

    Args:
      classifier: the network that learns.
      terms: weights of the terms.
      sampler: of the chains; None where no term needs any.
      temperature: T, by which energies are divided.
      noise: that is added to images.
      by_batches: whether the network normalises by its batches. Then only images with
        labels move its statistics, and energies are those of inference mode, in which
        chains are sampled.
      sharpness_aware: where gradients are taken; at the weights if None.

    Returns:
      The step. Its metrics: loss, cross_entropy, natural_accuracy, grad_norm (before
      clipping), and where there are chains those of `contrast`, and drift_norm,
      rejuvenated and age as in `learning.ebm`. Without chains its outputs are the
      images.
    """
    network = with_energy(classifier.model)

    def step(state: Any, batch: JointBatch, seed: tf.Tensor):
        keys = tf.unstack(tf.random.split(seed, 3))
        batch = _noisy(batch, noise, keys)
        advance = sampler and sampler.advance(state, batch.starts, keys[2])
        objective = _objective(terms, batch, advance, temperature, by_batches)
        weights = [tf.identity(v.value) for v in network.trainable_variables]
        with dropout_key(tf.random.fold_in(seed, len(keys))):
            found = differentiate(network, weights, objective)
            keep_statistics(network, found.statistics)
            if sharpness_aware is not None:
                gradients = mean_over_replicas(found.gradients)
                weights = ascended(weights, gradients, sharpness_aware)
                found = differentiate(network, weights, objective)
        metrics = {"loss": found.loss, **found.predictions}
        metrics["grad_norm"] = descend(classifier, found.gradients)
        if advance is None:
            return state, metrics, batch.images
        return advance.state, metrics | measure_chains(advance), advance.chains

    return step


def ascended(
    weights: Sequence[tf.Tensor],
    gradients: Sequence[tf.Tensor],
    settings: SharpnessAware,
) -> list[tf.Tensor]:
    """The weights, moved up their gradients by the length of the settings.

    w + rho g / |g|, or in the adaptive form w + rho w^2 g / ||w| g|, with norms over
    all weights together.
    """
    scales = [tf.abs(w) if settings.adaptive else tf.ones_like(w) for w in weights]
    scaled = [s * g for s, g in zip(scales, gradients, strict=True)]
    factor = settings.rho / (tf.linalg.global_norm(scaled) + 1e-12)
    moves = zip(weights, scales, scaled, strict=True)
    return [w + factor * scale * part for w, scale, part in moves]


def _noisy(batch: JointBatch, noise: Noise, keys: list[tf.Tensor]) -> JointBatch:
    def add(images: tf.Tensor, stddev: float, key: tf.Tensor) -> tf.Tensor:
        return images + stddev * tf.random.stateless_normal(images.shape, key)

    if isinstance(batch.positives, tuple):
        return batch._replace(images=add(batch.images, noise.positives, keys[0]))
    return batch._replace(
        images=add(batch.images, noise.labelled, keys[0]),
        positives=add(batch.positives, noise.positives, keys[1]),
    )


def _objective(
    terms: JointTerms,
    batch: JointBatch,
    advance: Advance | None,
    temperature: float,
    by_batches: bool,
) -> ObjectiveFn:
    """What predicts -> the loss, and its parts for the metrics."""

    def objective(predict: PredictFn) -> tuple[tf.Tensor, Metrics]:
        labelled = predict(batch.images)
        entropy = tf.reduce_mean(cross_entropy(labelled[0], batch.labels))
        loss, metrics = terms.posterior * entropy, {"cross_entropy": entropy}
        metrics["natural_accuracy"] = accuracy(labelled[0], batch.labels)
        if advance is None:
            return loss, metrics
        chains = advance.chains

        def still(images: tf.Tensor) -> Any:
            return predict(images, training=not by_batches, moves=False)

        if by_batches:
            labelled = still(batch.images)
        apart = terms.marginal and not isinstance(batch.positives, tuple)
        positives = still(batch.positives) if apart else labelled
        negatives = still(healthy_images(advance))

        def joint(logits: tf.Tensor, labels: tf.Tensor) -> tf.Tensor | None:
            return joint_energy(logits, labels) if terms.joint else None

        of_data = Energies(positives[1][:, 0], joint(labelled[0], batch.labels))
        of_chains = Energies(
            negatives[1][:, 0], joint(negatives[0], chains.labels), advance.info.healthy
        )
        compared, parts = contrast(terms, of_data, of_chains, temperature)
        return loss + compared, metrics | parts

    return objective
