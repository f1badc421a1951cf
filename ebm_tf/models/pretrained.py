"""Classifiers of `keras.applications` as functions of images in [-1, 1]."""

import difflib
import functools
import inspect
import math
import os
import sys
import warnings
from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf
from keras import layers

from ebm_tf.config.classifier import PretrainedClassifier
from ebm_tf.errors import ConfigError, WeightsError
from ebm_tf.pixels import to_range
from ebm_tf.runtime.files import fetched

_IMAGENET_STDDEV = (0.229, 0.224, 0.225)


def classifier(
    settings: PretrainedClassifier, image_size: int, channels: int
) -> keras.Model:
    """The classifier that settings name, in float32.

    Args:
      settings: name, what the network expects of images, and its weights: "imagenet"
        for those that Keras fetches once, else a file.
      image_size: side of the images, which are resized bilinearly.
      channels: of the images; 3.

    Returns:
      A model from images [B,H,W,3] in [-1,1] to logits [B,num_classes].

    Raises:
      ConfigError: if there is no such network, or it cannot have such images.
      WeightsError: if the weights cannot be fetched, are missing, damaged or others.
    """
    if channels != 3:
        raise ConfigError(f"Expected channels={channels} to be 3 for {settings.name}.")
    network = _network(settings)
    images = keras.Input((image_size, image_size, channels), name="images")
    side = settings.image_size
    resized = layers.Resizing(side, side, name="resized", dtype="float32")(images)
    pixels = _pixels(settings)(resized)
    return keras.Model(images, network(pixels), name=settings.name.lower())


def _pixels(settings: PretrainedClassifier) -> Callable[[Any], Any]:
    """From images in [-1, 1] to what the network expects of pixels."""
    if settings.pixel_range is None:
        return KerasPixels(settings.name, name="pixels", dtype="float32")
    return functools.partial(to_range, pixel_range=settings.pixel_range)


class KerasPixels(layers.Layer):
    """Images in [-1, 1] -> pixels as Keras' `preprocess_input` of a network has them.

    It is the one beside the network that a name stands for: it turns colours around and
    subtracts their means, scales them, or leaves bytes alone for networks that do so
    themselves.
    """

    def __init__(self, network: str, **kwargs: Any) -> None:
        """Sets the network's name in `keras.applications`."""
        super().__init__(**kwargs)
        self.network = network

    def call(self, images: tf.Tensor) -> tf.Tensor:
        """Returns the pixels."""
        module = sys.modules[_application(self.network).__module__]
        pixels = to_range(images, "0..255")
        return module.preprocess_input(pixels, data_format="channels_last")


def _network(settings: PretrainedClassifier) -> keras.Model:
    name, path = settings.name, settings.weights
    build = functools.partial(
        _application(name), classifier_activation=None, classes=settings.num_classes
    )
    shape = (settings.image_size, settings.image_size, 3)
    try:
        if path == "imagenet":
            return build(weights=path, input_shape=shape)
        network = build(weights=None, input_shape=shape)
    except ValueError as error:
        reason = " ".join(str(error).split())
        raise ConfigError(
            f"Keras cannot build {name} for image_size={settings.image_size}: {reason}"
        ) from error
    # Keras raises a bare `Exception` where a download fails.
    except Exception as error:
        raise WeightsError(
            f"Cannot fetch the weights of Keras' {name}: copy their file from "
            "~/.keras/models of a machine that can, and name it: --set "
            "classifier.weights=FILE.h5."
        ) from error
    _load(network, name, path)
    return _rescaled(network) if name.startswith("EfficientNetB") else network


def _application(name: str) -> Callable[..., keras.Model]:
    known = dict(inspect.getmembers(keras.applications, inspect.isfunction))
    if name not in known:
        near = difflib.get_close_matches(name, known, n=3, cutoff=0.3) or known
        raise ConfigError(
            f"Unknown classifier {name!r}; the nearest are {', '.join(near)}."
        )
    return known[name]


def _load(network: keras.Model, name: str, path: str) -> None:
    try:
        with fetched(path) as local, warnings.catch_warnings(action="ignore"):
            if not os.path.isfile(local):
                raise WeightsError(
                    f"No weights at {path}: expected a file of Keras' {name} with its "
                    "top, *.h5."
                )
            network.load_weights(local)
    except tf.errors.OpError as error:
        raise WeightsError(f"Cannot read {path}: {error.message}") from error
    except (OSError, RuntimeError, ValueError, KeyError) as error:
        raise WeightsError(
            f"The weights {path} are damaged or do not fit Keras' {name} with its top."
        ) from error


def _rescaled(network: keras.Model) -> keras.Model:
    """What Keras adds to an EfficientNet with its own weights, and to no other.

    The variances in its files are standard deviations. So it divides once more by
    their roots, but only where it has fetched the file itself.
    """
    (normalised,) = (
        layer.output
        for layer in network.layers
        if isinstance(layer, layers.Normalization)
    )
    rest = keras.Model(normalised, network.output)
    scales = [1.0 / math.sqrt(stddev) for stddev in _IMAGENET_STDDEV]
    rescale = layers.Rescaling(scales, name="rescaling_again", dtype="float32")
    return keras.Model(network.input, rest(rescale(normalised)))
