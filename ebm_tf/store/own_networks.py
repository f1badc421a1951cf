"""Networks of one's own in place of weights: what they are, and how they are opened."""

import os
import re
from typing import Any

import keras

from ebm_tf.config.classifier import ClassifierNetwork
from ebm_tf.config.kinds import KERAS_FILE
from ebm_tf.config.own_networks import OwnNetwork, UseOfNetwork
from ebm_tf.config.parts import Data, GeneratorNetwork, Network
from ebm_tf.errors import ConfigError
from ebm_tf.models.adapted import adapted
from ebm_tf.models.own import read
from ebm_tf.models.trials import in_a_line
from ebm_tf.store.models import LoadedModel
from ebm_tf.store.network_sources import CLASSIFIER, ENERGY, GENERATOR, network_source

OwnSource = str | keras.Model


def use_of(source: OwnSource, how: OwnNetwork) -> UseOfNetwork:
    """What a network of one's own is for, by its outputs or by what is said of it.

    Args:
      source: FILE.py:function, FILE.keras, or a Keras model in hand.
      how: what is said of it.

    Raises:
      ConfigError: if that is too little, or other than what the model has.
    """
    # A model in hand is named as if it was in a file.
    name = source if isinstance(source, str) else source.name + KERAS_FILE
    if isinstance(source, str) and not source.endswith(KERAS_FILE):
        role, size, channels, given = _as_said(name, how)
    else:
        model = read(source) if isinstance(source, str) else source
        role, size, channels, given = _as_found(name, model, how)
    shared = {
        "architecture": name,
        "weights": source if isinstance(source, str) else None,
        "pixel_range": how.pixel_range,
    }
    kinds = {
        ENERGY: Network,
        CLASSIFIER: ClassifierNetwork,
        GENERATOR: GeneratorNetwork,
    }
    word = re.sub(r"\W", "_", os.path.basename(name))
    return UseOfNetwork(
        name=word,
        data=Data(name="own", image_size=size, channels=channels),
        **{role: kinds[role](**shared, **given)},
    )


Found = tuple[str, int, int, dict[str, Any]]


def _as_said(name: str, how: OwnNetwork) -> Found:
    """Role, size, channels and settings of what a function shall make."""
    if how.image_size is None:
        raise ConfigError(
            f"Expected the image_size that {name} is to be called with, in `network`."
        )
    role, given = ENERGY, {}
    if how.latent_size is not None:
        role = GENERATOR
        given = {"latent_size": how.latent_size, "num_classes": how.num_classes}
    elif how.num_classes is not None:
        role, given = CLASSIFIER, {"num_classes": how.num_classes}
    return role, how.image_size, how.channels or 3, given


def _as_found(name: str, model: keras.Model, how: OwnNetwork) -> Found:
    """Role, size, channels and settings of a model, by its shapes."""
    try:
        (inputs,), (outputs,) = model.inputs, model.outputs
    except (AttributeError, TypeError, ValueError) as error:
        raise ConfigError(
            f"Expected {name} to be a model of Keras that knows its shapes, with one "
            "input and one output: keras.Model(inputs, outputs), or call it once."
        ) from error
    takes, gives = tuple(inputs.shape[1:]), tuple(outputs.shape[1:])
    role, given = ENERGY, {}
    image = takes
    if len(gives) == 3:
        role, image, given = GENERATOR, gives, {"latent_size": takes[-1]}
    elif len(gives) == 1 and gives != (1,):
        role, given = CLASSIFIER, {"num_classes": gives[0]}
    if len(image) != 3:
        raise ConfigError(
            f"Expected {name} to take or to give images [B, H, W, C], got "
            f"[{', '.join(map(str, ('B', *image)))}]."
        )
    size = _agreed(name, "image_size", how.image_size, image[0])
    width = _agreed(name, "image_size", how.image_size, image[1])
    if size != width:
        raise ConfigError(f"Expected {name} to be for squares, got {size} x {width}.")
    channels = _agreed(name, "channels", how.channels, image[2])
    for setting, found in given.items():
        _agreed(name, setting, getattr(how, setting), found)
    return role, size, channels, given


def _agreed(name: str, setting: str, said: int | None, found: int | None) -> int:
    """What is said, or what a model has; both where both are there."""
    if said is not None and found is not None and said != found:
        raise ConfigError(f"Expected {setting}={said} to be {found} for {name}.")
    number = said or found
    if number is None:
        raise ConfigError(f"Expected {setting} in `network`: {name} takes any.")
    return number


def load(source: OwnSource, use: UseOfNetwork, dtype: str) -> LoadedModel:
    """Opens a network of one's own; call it in the strategy's scope.

    Args:
      source: that `use_of` was given.
      use: what that returned.
      dtype: "float32" or "bfloat16", in which a function's network computes.

    Raises:
      ConfigError: if it is no such network.
    """
    role = next(r for r in (ENERGY, CLASSIFIER, GENERATOR) if getattr(use, r))
    settings, data = getattr(use, role), use.data
    if isinstance(source, str):
        found = network_source(role, settings, source)
        return LoadedModel({role: found}, {role: found.build(data, dtype)})
    model = adapted(_copied(source), settings, data.image_size, data.channels)
    return LoadedModel({}, {role: model})


def _copied(model: keras.Model) -> keras.Model:
    """A model in hand as it is now, which stays as it is."""
    try:
        copied = keras.models.clone_model(model)
        copied.set_weights(model.get_weights())
    except Exception as error:  # Keras has no class for what may be wrong
        raise ConfigError(
            f"Keras cannot copy {model.name}: {type(error).__name__}: "
            f"{in_a_line(error)}"
        ) from error
    return copied
