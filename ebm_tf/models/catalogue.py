"""Which networks there are, and how their settings become models."""

import inspect
from collections.abc import Callable, Mapping
from typing import Any

import keras
import tensorflow as tf

from ebm_tf.config.classifier import ClassifierNetwork, PretrainedClassifier
from ebm_tf.config.mapper import MapperNetwork
from ebm_tf.config.networks import AnyNetwork
from ebm_tf.config.parts import DiscriminatorNetwork, GeneratorNetwork, Network
from ebm_tf.errors import ConfigError
from ebm_tf.models import (
    biggan,
    biggan_generators,
    classifiers,
    latents,
    mappers,
    own,
    pretrained,
    sngan,
    sngan_discriminator,
)
from ebm_tf.runtime.hardware import fast_dtype

# By settings, then architecture. Arguments have the names of the settings' fields.
NETWORKS: Mapping[type, Mapping[str, Callable[..., keras.Model]]] = {
    Network: {"sngan": sngan.energy, "biggan": biggan.energy},
    GeneratorNetwork: {
        "sngan": sngan.generator,
        "biggan": biggan_generators.generator,
        "biggan_conditional": biggan_generators.conditional_generator,
    },
    DiscriminatorNetwork: {"sngan": sngan_discriminator.discriminator},
    ClassifierNetwork: {
        "wide_resnet": classifiers.wide_resnet,
        "robustbench_wrn": classifiers.robustbench_wrn,
        "dm_wrn": classifiers.dm_wrn,
        "resnet": classifiers.resnet,
        "preact_resnet": classifiers.preact_resnet,
        "small_cnn": classifiers.small_cnn,
        "mlp": classifiers.mlp,
        "sngan": classifiers.sngan,
    },
    MapperNetwork: {"unet": mappers.unet, "dense": mappers.dense},
}
LATENT_PRIORS: Mapping[str, Callable[..., latents.LatentsFn]] = {
    "sngan": latents.standard_normal,
    "biggan": latents.truncated_normal,
    "biggan_conditional": latents.truncated_normal_with_class,
}


def build(
    settings: Any, image_size: int, channels: int, dtype: str, **choices: Any
) -> keras.Model:
    """Builds the network of any settings for images [B,H,W,C] of a size.

    Energies map images to [B,1], generators latents [B,z] to images, classifiers
    images to logits [B,k], mappers images, their classes and other ones int32 [B] to
    differences [B,H,W,C], discriminators images, with their classes int32 [B] where
    `num_classes` is among the choices, to scores [B,1], or with `num_outputs` to
    scores [B,num_outputs] and features [B,c].

    Args:
      settings: of one of NETWORKS, of a network of one's own, or of a pretrained
        classifier.
      image_size: side of the images.
      channels: of the images.
      dtype: "float32", "bfloat16", or "auto" for what the devices of the strategy in
        whose scope this is called compute fast; a pretrained classifier has its own.
      **choices: arguments that are no fields of the settings.

    Raises:
      ConfigError: if the architecture is unknown or cannot have these images.
    """
    if isinstance(settings, PretrainedClassifier):
        return pretrained.classifier(settings, image_size, channels)
    if dtype == "auto":
        dtype = fast_dtype()
    if isinstance(settings, AnyNetwork) and settings.is_own:
        return own.build(settings, image_size, channels, dtype, **choices)
    kind = next(kind for kind in NETWORKS if isinstance(settings, kind))
    model = _entry(NETWORKS[kind], settings)
    _require_pixels(NETWORKS[kind], settings)
    choices |= _choices(model, settings)
    return model(image_size, channels, dtype=dtype, **choices)


def latent_prior(settings: GeneratorNetwork) -> latents.LatentsFn:
    """The function `(n, seed) -> latents [n,z]` that draws for the named generator.

    For a conditional generator z is the latent size plus one column for the class. The
    latents of one's own are standard normals.

    Raises:
      ConfigError: if the architecture is unknown.
    """
    prior: Callable[..., latents.LatentsFn] = latents.standard_normal
    if not settings.is_own:
        prior = _entry(LATENT_PRIORS, settings)
    return prior(**_choices(prior, settings))


def in_inference(model: keras.Model) -> Callable[[tf.Tensor], tf.Tensor]:
    """A network in inference mode, with outputs in float32."""
    return lambda inputs: tf.cast(model(inputs, training=False), tf.float32)


def in_lanes(function: Callable[..., Any], lanes: int) -> Callable[..., Any]:
    """A function of images [n, ...] that computes equal parts of them side by side.

    It gives the same only where it takes each image by itself; images that do not
    divide, and those of unknown number, are computed as a whole.
    """

    def parted(images: tf.Tensor, **how: Any) -> Any:
        if lanes == 1 or images.shape[0] is None or images.shape[0] % lanes:
            return function(images, **how)
        parts = [function(part, **how) for part in tf.split(images, lanes)]
        return tf.nest.map_structure(lambda *leaves: tf.concat(leaves, 0), *parts)

    return parted


def _entry(table: Mapping[str, Callable[..., Any]], settings: Any) -> Callable:
    if settings.architecture not in table:
        raise ConfigError(
            f"Expected architecture={settings.architecture!r} of a "
            f"{type(settings).__name__} to be one of {', '.join(table)}."
        )
    return table[settings.architecture]


def _require_pixels(table: Mapping[str, Callable], settings: Any) -> None:
    """Checks that pixels are the usual ones where a network knows no others."""
    having = [
        n for n in table if "pixel_range" in inspect.signature(table[n]).parameters
    ]
    if (
        isinstance(settings, AnyNetwork)
        and settings.pixel_range != AnyNetwork.pixel_range
        and settings.architecture not in having
    ):
        others = ", ".join(["a network of one's own", *map(repr, having)])
        raise ConfigError(
            f"Expected pixel_range={AnyNetwork.pixel_range!r} where architecture="
            f"{settings.architecture!r}: another is for {others}."
        )


def _choices(function: Callable, settings: Any) -> dict[str, Any]:
    """The arguments of a function that the settings have a value for."""
    names = inspect.signature(function).parameters
    values = {name: getattr(settings, name, None) for name in names}
    return {name: value for name, value in values.items() if value is not None}
