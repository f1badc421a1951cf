"""Which networks there are, and how their settings become models."""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeVar

import keras
import tensorflow as tf

from ebm_tf.config.classifier import ClassifierNetwork, PretrainedClassifier
from ebm_tf.config.parts import DiscriminatorNetwork, GeneratorNetwork, Network
from ebm_tf.errors import ConfigError, WeightsError
from ebm_tf.models import (
    biggan,
    biggan_generators,
    latents,
    pretrained,
    resnet,
    small_cnn,
    sngan,
    sngan_discriminator,
    wide_resnet,
)
from ebm_tf.models.blocks import FOR_RECTIFIERS
from ebm_tf.protocols import Classifier
from ebm_tf.runtime.files import fetched

T = TypeVar("T")


class GeneratorEntry(NamedTuple):
    """The model of a generator and what draws its latents, by their settings."""

    model: Callable[..., keras.Model]
    latent_prior: Callable[..., latents.LatentsFn]


ENERGIES: Mapping[str, Callable[..., keras.Model]] = {
    "sngan": sngan.energy,
    "biggan": biggan.energy,
}

DISCRIMINATORS: Mapping[str, Callable[..., keras.Model]] = {
    "sngan": sngan_discriminator.discriminator,
}


def _normal_latents(
    latent_size: int = 128, num_classes: int | None = None
) -> latents.LatentsFn:
    if num_classes is None:
        return latents.standard_normal(latent_size)
    return latents.standard_normal_with_class(latent_size, num_classes)


GENERATORS: Mapping[str, GeneratorEntry] = {
    "sngan": GeneratorEntry(sngan.generator, _normal_latents),
    "biggan": GeneratorEntry(biggan_generators.generator, latents.truncated_normal),
    "biggan_conditional": GeneratorEntry(
        biggan_generators.conditional_generator, latents.truncated_normal_with_class
    ),
}

CLASSIFIERS: Mapping[str, Callable[..., keras.Model]] = {
    "wide_resnet": wide_resnet.classifier,
    "resnet": resnet.classifier,
    "small_cnn": small_cnn.classifier,
}


def build_energy(
    settings: Network, image_size: int, channels: int, dtype: str
) -> keras.Model:
    """Builds the energy that `settings` name: images [B,H,W,C] -> energies [B,1].

    Raises:
      ConfigError: if the architecture is unknown or cannot have these images.
    """
    model = _entry(ENERGIES, settings.architecture, "an energy")
    choices = _given(width=settings.width, activation=settings.activation)
    return model(image_size, channels, dtype=dtype, **choices)


def build_generator(
    settings: GeneratorNetwork, image_size: int, channels: int, dtype: str
) -> keras.Model:
    """Builds the generator that `settings` name: latents [B,z] -> images [B,H,W,C].

    Raises:
      ConfigError: if the architecture is unknown or cannot have these images.
    """
    entry = _entry(GENERATORS, settings.architecture, "a generator")
    choices = _given(
        width=settings.width,
        latent_size=settings.latent_size,
        num_classes=settings.num_classes,
        batch_norm_epsilon=settings.batch_norm_epsilon,
        truncation=settings.truncation,
        initializer=FOR_RECTIFIERS if settings.for_rectifiers else None,
    )
    return entry.model(image_size, channels, dtype=dtype, **choices)


def build_discriminator(
    settings: DiscriminatorNetwork,
    image_size: int,
    channels: int,
    dtype: str,
    *,
    num_classes: int | None = None,
) -> keras.Model:
    """Builds the discriminator that `settings` name.

    It maps images [B,H,W,C] to scores [B,1], or images and their classes int32 [B]
    where there are classes.

    Raises:
      ConfigError: if the architecture is unknown or cannot have these images.
    """
    model = _entry(DISCRIMINATORS, settings.architecture, "a discriminator")
    return model(
        image_size,
        channels,
        num_classes=num_classes,
        spectral_norm=settings.spectral_norm,
        dtype=dtype,
        **_given(width=settings.width),
    )


def build_classifier(
    settings: ClassifierNetwork, image_size: int, channels: int, dtype: str
) -> keras.Model:
    """Builds the classifier that `settings` name: images [B,H,W,C] -> logits [B,k].

    Raises:
      ConfigError: if the architecture is unknown or cannot have these images.
    """
    model = _entry(CLASSIFIERS, settings.architecture, "a classifier")
    return model(
        image_size,
        channels,
        num_classes=settings.num_classes,
        dtype=dtype,
        **_given(depth=settings.depth, width=settings.width),
    )


def _build_pretrained(
    settings: PretrainedClassifier, image_size: int, channels: int, dtype: str
) -> keras.Model:
    """A classifier of Keras with its weights; Keras reads those of local files only."""
    del dtype  # its own
    try:
        with fetched(settings.weights) as local:
            settings = dataclasses.replace(settings, weights=local)
            return pretrained.classifier(settings, image_size, channels)
    except tf.errors.OpError as error:
        raise WeightsError(
            f"Cannot read {settings.weights}: {error.message}"
        ) from error


def latent_prior(settings: GeneratorNetwork) -> latents.LatentsFn:
    """The function `(n, seed) -> latents [n,z]` that draws for the named generator.

    For a conditional generator z is the latent size plus one column for the class.

    Raises:
      ConfigError: if the architecture is unknown.
    """
    entry = _entry(GENERATORS, settings.architecture, "a generator")
    choices = _given(
        latent_size=settings.latent_size,
        num_classes=settings.num_classes,
        truncation=settings.truncation,
    )
    return entry.latent_prior(**choices)


_BUILDERS: Mapping[type, Callable[..., keras.Model]] = {
    Network: build_energy,
    GeneratorNetwork: build_generator,
    DiscriminatorNetwork: build_discriminator,
    ClassifierNetwork: build_classifier,
    PretrainedClassifier: _build_pretrained,
}


def build(settings: Any, image_size: int, channels: int, dtype: str) -> keras.Model:
    """Builds the network of any settings for images of a size.

    Raises:
      ConfigError: if the architecture is unknown or cannot have these images.
    """
    kind = next(kind for kind in type(settings).__mro__ if kind in _BUILDERS)
    return _BUILDERS[kind](settings, image_size, channels, dtype)


def in_inference(classifier: keras.Model) -> Classifier:
    """The logits of a network in inference mode, float32 [n, k]."""
    return lambda images: tf.cast(classifier(images, training=False), tf.float32)


def summary(role: str, model: keras.Model) -> str:
    """A network and its size, for people."""
    return f"{role}: {model.name}, {model.count_params():,} parameters"


def _entry(catalogue: Mapping[str, T], architecture: str, kind: str) -> T:
    if architecture not in catalogue:
        names = ", ".join(catalogue)
        raise ConfigError(
            f"Expected architecture={architecture!r} to be one of {names} for {kind}."
        )
    return catalogue[architecture]


def _given(**choices: Any) -> dict[str, Any]:
    return {name: value for name, value in choices.items() if value is not None}
