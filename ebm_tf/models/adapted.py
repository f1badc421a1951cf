"""Keras models of one's own, made to take and give what those of this program do."""

import os
import re
from collections.abc import Mapping
from typing import Any

import keras
from keras import layers

from ebm_tf.config.classifier import ClassifierNetwork
from ebm_tf.config.mapper import MapperNetwork
from ebm_tf.config.networks import AnyNetwork, Standardised
from ebm_tf.config.parts import DiscriminatorNetwork, GeneratorNetwork
from ebm_tf.errors import ConfigError
from ebm_tf.models.dropout import follow_key
from ebm_tf.models.trials import in_a_line, try_out
from ebm_tf.pixels import from_scale, to_scale

_FIRST_INDEX = 1000  # of keys, above those of dropout in networks of this program
# What a discriminator may leave out of what it is given.
_CLASSES = "classes"

Shape = tuple[int | None, ...]


def adapted(
    model: keras.Model,
    settings: AnyNetwork,
    image_size: int,
    channels: int,
    **choices: Any,
) -> keras.Model:
    """A model that takes or gives images in [-1, 1], made of one's own.

    It shares the variables, in their order. A softmax at the end of a classifier is
    left out, as logits are what precedes it; batch normalisation is synchronised over
    replicas, and layers that draw random numbers do so by the key of a step.

    Args:
      model: images or latents [B, ..] -> energies [B] or [B,1], logits, scores or
        images; `catalogue.build` says what discriminators and mappers take and give.
      settings: what it shall be, and the pixels that it takes or gives.
      image_size: side of the images.
      channels: of the images.
      **choices: of a discriminator, `num_classes` or `num_outputs`.

    Raises:
      ConfigError: if it is of other shapes, gives no numbers or pixels outside their
        range, or what it makes of an image depends on others or on chance.
    """
    name, scale = settings.architecture, settings.pixel_range
    shape = (image_size, image_size, channels)
    if isinstance(scale, Standardised):
        scale.require_channels(channels)
    takes = _takes(settings, shape, choices.get("num_classes"))
    inputs, outputs = _traced(_prepared(model, settings), settings, takes)
    given = [
        one if one.dtype == "float32" else keras.ops.cast(one, "float32")
        for one in _given(outputs, settings, shape, choices.get("num_outputs"))
    ]
    found = keras.Model(_all([*inputs.values()]), _all(given), name=_word(name))
    _draw_by_keys(found, settings)
    try_out(found, settings, {kind: one.shape[1:] for kind, one in inputs.items()})
    return found


def has_classes(settings: GeneratorNetwork) -> bool:
    """Whether latents have a last column for their class."""
    return settings.num_classes is not None


def _takes(
    settings: AnyNetwork, shape: Shape, num_classes: int | None
) -> dict[str, Shape]:
    """The shapes of what a network is given, without the batch, by what they are."""
    if isinstance(settings, GeneratorNetwork):
        return {"latents": (settings.latent_size + has_classes(settings),)}
    if isinstance(settings, MapperNetwork):
        return {"images": shape, "labels": (), "wrong": ()}
    if isinstance(settings, DiscriminatorNetwork) and num_classes is not None:
        return {"images": shape, _CLASSES: ()}
    return {"images": shape}


def _given(
    outputs: list[Any], settings: AnyNetwork, shape: Shape, num_outputs: int | None
) -> list[Any]:
    """What a network gives, as this program has it."""
    name, scale = settings.architecture, settings.pixel_range
    if num_outputs is not None:
        _require_outputs(name, outputs, 2, "scores and features as two outputs")
        scores, features = outputs
        _require(name, scores, f"give {num_outputs} scores", (num_outputs,))
        _require(name, features, "give features", (features.shape[-1],))
        return [scores, features]
    _require_outputs(name, outputs, 1, "one output")
    (output,) = outputs
    if isinstance(settings, GeneratorNetwork):
        _require(name, output, "give images", shape)
        return [from_scale(output, scale)]
    if isinstance(settings, MapperNetwork):
        _require(name, output, "give differences of images", shape)
        return [from_scale(output, scale) - from_scale(output * 0.0, scale)]
    if isinstance(settings, ClassifierNetwork):
        number = settings.num_classes
        _require(name, output, f"give num_classes={number} logits", (number,))
        return [output]
    scored = isinstance(settings, DiscriminatorNetwork)
    _require(name, output, "give scores" if scored else "give energies", (), (1,))
    if len(output.shape) == 1:
        word = "score" if scored else "energy"
        output = layers.Reshape((1,), name=word, dtype="float32")(output)
    return [output]


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
    model: keras.Model, settings: AnyNetwork, takes: Mapping[str, Shape]
) -> tuple[dict[str, Any], list[Any]]:
    """Symbols of inputs [B, ..] as those of this program, by kind, and of the outputs.

    A discriminator that takes one input does not see classes.
    """
    name, given = settings.architecture, getattr(model, "inputs", None)
    if given is None or len(given) == 1:
        takes = {kind: shape for kind, shape in takes.items() if kind != _CLASSES}
    if given:
        if len(given) != len(takes):
            kinds = " and ".join(takes) if len(takes) > 1 else f"{[*takes][0]} alone"
            raise ConfigError(
                f"Expected {name} to take {kinds}, got {len(given)} inputs."
            )
        for tensor, (kind, shape) in zip(given, takes.items(), strict=True):
            _require(name, tensor, f"take {kind}", shape)
    scaled = "images" in takes and settings.pixel_range != "-1..1"
    if given and not scaled and [*map(_behind, given)] == [*takes.values()]:
        # Its own graph, so that a weight file is as the model itself would write it.
        return dict(zip(takes, given, strict=True)), model.outputs
    inputs = {
        kind: keras.Input(shape, name=kind, dtype=None if shape else "int32")
        for kind, shape in takes.items()
    }
    seen = dict(inputs)
    if scaled:
        seen["images"] = to_scale(inputs["images"], settings.pixel_range)
    try:
        outputs = model(_all([*seen.values()]))
    except Exception as error:
        kind, shape = next(iter(takes.items()))
        raise ConfigError(
            f"{name} cannot take {kind} {_shown(shape)}: {type(error).__name__}: "
            f"{in_a_line(error)}"
        ) from error
    return inputs, keras.tree.flatten(outputs)


def _all(tensors: list[Any]) -> Any:
    """As Keras has them: one, or a list of several."""
    return tensors[0] if len(tensors) == 1 else tensors


def _behind(tensor: Any) -> Shape:
    """The shape without the batch."""
    return tuple(tensor.shape[1:])


def _require_outputs(name: str, outputs: list[Any], number: int, what: str) -> None:
    if len(outputs) != number:
        raise ConfigError(f"Expected {name} to give {what}, got {len(outputs)}.")


def _require(name: str, tensor: Any, does: str, *shapes: Shape) -> None:
    """Checks that a symbol has, behind the batch, one of some shapes."""
    found = _behind(tensor)
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
    if drawing and isinstance(settings, GeneratorNetwork | MapperNetwork):
        raise ConfigError(
            f"Expected {settings.architecture} to draw no random numbers, so that its "
            f"images are those of what it is given, but {drawing[0].name} does."
        )
    for index, layer in enumerate(drawing, start=_FIRST_INDEX):
        for generator in layer._seed_generators:
            follow_key(generator, index)
