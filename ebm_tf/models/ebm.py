"""The networks of an experiment with an energy-based model."""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import keras
import tensorflow as tf

from ebm_tf import energies
from ebm_tf.config.classifier import ClassifierNetwork, PretrainedClassifier
from ebm_tf.config.ebm import EbmExperiment, SampledExperiment
from ebm_tf.errors import ConfigError
from ebm_tf.models.catalogue import build, in_lanes, latent_prior
from ebm_tf.models.classifiers import ClassLogits
from ebm_tf.models.latents import LatentsFn
from ebm_tf.protocols import Generator


class EbmModels(NamedTuple):
    """The networks in use.

    Attributes:
      energy: U, or the marginal energy of a classifier.
      generator: latents -> images, None where there is none.
      prior: P, which stays as it is, None where there is none.
    """

    energy: Any
    generator: keras.Model | None
    prior: keras.Model | None

    @property
    def by_role(self) -> dict[str, keras.Model]:
        """Those that are not None."""
        return {role: model for role, model in self._asdict().items() if model}


def build_energy(
    settings: Any, image_size: int, channels: int, dtype: str
) -> keras.Model:
    """As `catalogue.build`, but the marginal energy [B,1] where that classifies."""
    model = build(settings, image_size, channels, dtype)
    is_classifier = isinstance(settings, ClassifierNetwork | PretrainedClassifier)
    return marginal_energy(model) if is_classifier else model


class NegativeLogSumExp(keras.layers.Layer):
    """Logits [B,k] -> their marginal energies float32 [B,1]; it has no weights."""

    def call(self, logits: tf.Tensor) -> tf.Tensor:
        """Returns -logsumexp of the logits."""
        return energies.marginal_energy(tf.cast(logits, tf.float32))[:, None]


class NegativeScore(keras.layers.Layer):
    """Outputs [B,k+1] of an energy head -> energies float32 [B,1]; without weights."""

    def call(self, outputs: tf.Tensor) -> tf.Tensor:
        """Returns the last output, negative."""
        return -tf.cast(outputs[:, -1:], tf.float32)


def marginal_energy(classifier: keras.Model) -> keras.Model:
    """The energy [B,1] that a classifier defines (Grathwohl et al., 2020).

    It is -logsumexp of the logits, or that of the energy head where there is one.

    It has the layers of the classifier and one more without weights, so a weight
    file of either loads into the other, and they share their variables.
    """
    last = classifier.layers[-1]
    has_head = isinstance(last, ClassLogits)
    layer, outputs = (
        (NegativeScore, last.input)
        if has_head
        else (NegativeLogSumExp, classifier.output)
    )
    energy = layer(name="marginal_energy", dtype="float32")(outputs)
    return keras.Model(classifier.input, energy, name=f"{classifier.name}_marginal")


def with_energy(classifier: keras.Model) -> keras.Model:
    """A classifier that also gives E(x): images -> (logits [B,k], energies [B,1]).

    It shares its variables, in their order.
    """
    energies_of = marginal_energy(classifier).output
    return keras.Model(
        classifier.input,
        (classifier.output, energies_of),
        name=f"{classifier.name}_with_energy",
    )


def num_classes(energy: keras.Model) -> int:
    """The classes of a classifier, given the marginal energy made of it.

    Raises:
      ConfigError: if the energy was not made of a classifier, or of one with an energy
        head, whose logits define no energy.
    """
    layer = energy.layers[-1]
    if isinstance(layer, NegativeScore):
        raise ConfigError(
            "Expected energy.energy_head=False where conditional=True: E(x, y) needs "
            "an energy that is made of the logits of the classes."
        )
    if not isinstance(layer, NegativeLogSumExp):
        raise ConfigError(
            "Expected an energy that is a classifier, whose logits are E(x, y), where "
            "conditional=True."
        )
    return energy.layers[-2].output.shape[-1]


def class_energy(
    energy: keras.Model, lanes: int = 1
) -> Callable[[tf.Tensor], Callable[..., tf.Tensor]]:
    """The classes' energies of a classifier, given the marginal energy made of it.

    Returns:
      labels int32 [n] -> a function like a network, images [n, H, W, C] -> their
      E(x, y), float32 [n, 1].

    Raises:
      ConfigError: as `num_classes`.
    """
    logits = logits_of(energy, lanes)

    def of_labels(labels: tf.Tensor) -> Callable[..., tf.Tensor]:
        def network(images: tf.Tensor, training: bool = False) -> tf.Tensor:
            values = logits(images, training=training)
            return energies.joint_energy(values, labels)[:, None]

        return network

    return of_labels


def logits_of(energy: keras.Model, lanes: int = 1) -> Callable[..., tf.Tensor]:
    """The classifier in a marginal energy: (images, training) -> logits float32 [n, k].

    Raises:
      ConfigError: as `num_classes`.
    """
    num_classes(energy)
    classifier = in_lanes(keras.Model(energy.input, energy.layers[-1].input), lanes)

    def logits(images: tf.Tensor, training: bool = False) -> tf.Tensor:
        return tf.cast(classifier(images, training=training), tf.float32)

    return logits


def image_shape(config: SampledExperiment) -> tuple[int, int, int]:
    """Height, width and channels."""
    return config.data.image_size, config.data.image_size, config.data.channels


def generator_parts(
    config: EbmExperiment, generator: keras.Model | None
) -> tuple[Generator, LatentsFn]:
    """The generator in inference mode, and what draws its latents."""
    if config.generator is None or generator is None:
        raise ValueError("Expected a generator.")
    generate = functools.partial(generator, training=False)
    return generate, latent_prior(config.generator)
