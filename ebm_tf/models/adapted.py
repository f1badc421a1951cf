"""Keras models of one's own, made to take and give what those of this program do.

Each is tried on a few inputs, because chunks, padding and devices divide batches
everywhere: what it makes of an image must not depend on the others, nor on chance.
"""

import os
import re
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import layers

from ebm_tf.config.classifier import ClassifierNetwork
from ebm_tf.config.networks import AnyNetwork, Standardised
from ebm_tf.config.parts import GeneratorNetwork
from ebm_tf.errors import ConfigError
from ebm_tf.models.dropout import follow_key
from ebm_tf.pixels import from_scale, to_scale

NUM_TRIED = 4
# Of the largest output: what rounding may change where a batch is divided.
_ROUNDING = 0.01
# Of the width of the range: what rounding may take a pixel out of it.
_OUTSIDE = 0.001
_FIRST_INDEX = 1000  # of keys, above those of dropout in networks of this program
_MOST_SHOWN = 300  # letters of an error of Keras or of the user's code

Shape = tuple[int | None, ...]


def adapted(
    model: keras.Model, settings: AnyNetwork, image_size: int, channels: int
) -> keras.Model:
    """A model that takes or gives images in [-1, 1], made of one's own.

    It shares the variables, in their order. A softmax at the end of a classifier is
    left out, as logits are what precedes it; batch normalisation is synchronised over
    replicas, and layers that draw random numbers do so by the key of a step.

    Args:
      model: images or latents [B, ..] -> energies [B] or [B,1], logits or images.
      settings: what it shall be, and the pixels that it takes or gives.
      image_size: side of the images.
      channels: of the images.

    Raises:
      ConfigError: if it is of other shapes, gives no numbers or pixels outside their
        range, or what it makes of an image depends on others or on chance.
    """
    name, scale = settings.architecture, settings.pixel_range
    shape = (image_size, image_size, channels)
    if isinstance(scale, Standardised):
        scale.require_channels(channels)
    takes: tuple[int, ...] = shape
    kind = "images"
    if isinstance(settings, GeneratorNetwork):
        takes, kind = (settings.latent_size + has_classes(settings),), "latents"
    inputs, outputs = _traced(_prepared(model, settings), settings, takes, kind)
    if isinstance(settings, GeneratorNetwork):
        _require(name, outputs, "give images", shape)
        outputs = from_scale(outputs, scale)
    elif isinstance(settings, ClassifierNetwork):
        number = settings.num_classes
        _require(name, outputs, f"give num_classes={number} logits", (number,))
    else:
        _require(name, outputs, "give energies", (), (1,))
        if len(outputs.shape) == 1:
            outputs = layers.Reshape((1,), name="energy", dtype="float32")(outputs)
    if outputs.dtype != "float32":
        outputs = keras.ops.cast(outputs, "float32")
    found = keras.Model(inputs, outputs, name=_word(name))
    _draw_by_keys(found, settings)
    _try(found, settings, takes)
    return found


def has_classes(settings: GeneratorNetwork) -> bool:
    """Whether latents have a last column for their class."""
    return settings.num_classes is not None


def in_a_line(error: Exception) -> str:
    """The message of an error of Keras or of the user's code, of bounded length."""
    text = " ".join(str(error).split())
    return text if len(text) <= _MOST_SHOWN else f"{text[:_MOST_SHOWN]} ..."


def looks_like_probabilities(outputs: np.ndarray) -> bool:
    """Whether outputs [n, k] lie in [0, 1] and sum to 1, as those of a softmax."""
    in_range = outputs.min() >= 0 and outputs.max() <= 1 + 1e-6
    return bool(in_range and np.allclose(outputs.sum(1), 1.0, atol=1e-3))


def _word(name: str) -> str:
    """A name that Keras takes, such as mine_energy of FOLDER/mine.py:energy."""
    file, _, function = os.path.basename(name).partition(":")
    return re.sub(r"\W", "_", os.path.splitext(file)[0]) + (function and f"_{function}")


def _layers(model: keras.Model) -> list[keras.Layer]:
    """All layers, those within others too."""
    return model._flatten_layers(include_self=False)


def _prepared(model: keras.Model, settings: AnyNetwork) -> keras.Model:
    """The model with what is changed before it is traced."""
    norms = [x for x in _layers(model) if isinstance(x, layers.BatchNormalization)]
    if norms and getattr(settings, "norm", "batch") == "none":
        raise ConfigError(
            f"Expected norm='batch' for {settings.architecture}: it normalises by its "
            "batches."
        )
    for norm in norms:
        norm.synchronized = True
    if not isinstance(settings, ClassifierNetwork) or not model.layers:
        return model
    last: Any = model.layers[-1]
    if isinstance(last, layers.Softmax) and getattr(model, "inputs", None):
        return keras.Model(model.inputs[0], last.input)
    if getattr(last, "activation", None) is keras.activations.softmax:
        last.activation = keras.activations.linear
    return model


def _traced(
    model: keras.Model, settings: AnyNetwork, takes: tuple[int, ...], kind: str
) -> tuple[Any, Any]:
    """Symbols of inputs [B, *takes] as those of this program, and of the outputs."""
    name, given = settings.architecture, getattr(model, "inputs", None)
    if given:
        if len(given) > 1:
            raise ConfigError(
                f"Expected {name} to take {kind} alone, got {len(given)} inputs."
            )
        _require(name, given[0], f"take {kind}", takes)
    scaled = kind == "images" and settings.pixel_range != "-1..1"
    if given and not scaled and tuple(given[0].shape[1:]) == takes:
        # Its own graph, so that a weight file is as the model itself would write it.
        return given[0], _one(name, model.outputs)
    inputs = keras.Input(takes, name=kind)
    try:
        outputs = model(to_scale(inputs, settings.pixel_range) if scaled else inputs)
    except Exception as error:
        raise ConfigError(
            f"{name} cannot take {kind} {_shown(takes)}: {type(error).__name__}: "
            f"{in_a_line(error)}"
        ) from error
    return inputs, _one(name, keras.tree.flatten(outputs))


def _one(name: str, outputs: list[Any]) -> Any:
    if len(outputs) != 1:
        raise ConfigError(f"Expected {name} to give one output, got {len(outputs)}.")
    return outputs[0]


def _require(name: str, tensor: Any, does: str, *shapes: Shape) -> None:
    """Checks that a symbol has, behind the batch, one of some shapes."""
    found = tuple(tensor.shape[1:])
    fits = (
        len(found) == len(shape)
        and all(a in (None, b) for a, b in zip(found, shape, strict=True))
        for shape in shapes
    )
    if not any(fits):
        expected = " or ".join(map(_shown, shapes))
        raise ConfigError(f"Expected {name} to {does} {expected}, got {_shown(found)}.")


def _shown(shape: Shape) -> str:
    return f"[{', '.join(map(str, ('B', *shape)))}]"


def _draw_by_keys(model: keras.Model, settings: AnyNetwork) -> None:
    """Makes layers that draw random numbers do so by the key of a step."""
    drawing = [layer for layer in _layers(model) if layer._seed_generators]
    if drawing and isinstance(settings, GeneratorNetwork):
        raise ConfigError(
            f"Expected {settings.architecture} to draw no random numbers, which are "
            f"those of its latents, but {drawing[0].name} does."
        )
    for index, layer in enumerate(drawing, start=_FIRST_INDEX):
        for generator in layer._seed_generators:
            follow_key(generator, index)


def _try(model: keras.Model, settings: AnyNetwork, takes: tuple[int, ...]) -> None:
    """Checks what the model gives for a few inputs, together and in halves."""
    name = settings.architecture
    inputs = tf.constant(_inputs(settings, takes))
    try:
        outputs = model(inputs, training=False).numpy()
        halves = [model(half, training=False) for half in tf.split(inputs, 2)]
    except Exception as error:
        raise ConfigError(
            f"{name} fails in inference mode: {type(error).__name__}: "
            f"{in_a_line(error)}"
        ) from error
    if not np.isfinite(outputs).all():
        raise ConfigError(f"Expected {name} to give numbers, got some that are none.")
    difference = np.abs(np.concatenate(halves) - outputs).max()
    if difference > _ROUNDING * np.abs(outputs).max():
        raise ConfigError(
            f"Expected what {name} gives for an image to depend on that image alone, "
            f"but with others in its batch it differs by {difference:.3g}."
        )
    if isinstance(settings, GeneratorNetwork):
        _require_pixels(name, outputs, settings)
    if isinstance(settings, ClassifierNetwork) and looks_like_probabilities(outputs):
        raise ConfigError(
            f"Expected {name} to give logits, got what looks like probabilities: leave "
            "the softmax out."
        )


def _inputs(settings: AnyNetwork, takes: tuple[int, ...]) -> np.ndarray:
    """A few images, or latents, that are the same every time."""
    random = np.random.default_rng(0)
    if not isinstance(settings, GeneratorNetwork):
        return random.uniform(-1, 1, [NUM_TRIED, *takes]).astype(np.float32)
    latents = random.normal(size=[NUM_TRIED, *takes]).astype(np.float32)
    if settings.num_classes is not None:
        latents[:, -1] = np.arange(NUM_TRIED) % settings.num_classes
    return latents


def _require_pixels(name: str, images: np.ndarray, settings: GeneratorNetwork) -> None:
    """Checks that images, mapped to [-1, 1], are within."""
    low, high = images.min(), images.max()
    if max(-low, high) - 1 > 2 * _OUTSIDE:
        found = [float(to_scale(end, settings.pixel_range)) for end in (low, high)]
        raise ConfigError(
            f"Expected {name} to give pixels in pixel_range={settings.pixel_range!r}, "
            f"got {found[0]:.3g} to {found[1]:.3g}: end it in tanh or sigmoid, or say "
            "another range."
        )
