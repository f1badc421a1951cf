"""Trials of a Keras model of one's own: what it makes of a few inputs.

Chunks, padding and devices divide batches everywhere, so that what it makes of an image
must depend neither on the others nor on chance.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from ebm_tf.config.classifier import ClassifierNetwork
from ebm_tf.config.networks import AnyNetwork
from ebm_tf.config.parts import GeneratorNetwork
from ebm_tf.errors import ConfigError
from ebm_tf.pixels import to_scale

NUM_TRIED = 4
# Of the largest output: what rounding may change where a batch is divided.
_ROUNDING = 0.01
# Of the width of the range: what rounding may take a pixel out of it.
_OUTSIDE = 0.001
_MOST_SHOWN = 300  # letters of an error of Keras or of the user's code


def in_a_line(error: Exception) -> str:
    """The message of an error of Keras or of the user's code, of bounded length."""
    text = " ".join(str(error).split())
    return text if len(text) <= _MOST_SHOWN else f"{text[:_MOST_SHOWN]} ..."


def looks_like_probabilities(outputs: np.ndarray) -> bool:
    """Whether outputs [n, k] lie in [0, 1] and sum to 1, as those of a softmax."""
    in_range = outputs.min() >= 0 and outputs.max() <= 1 + 1e-6
    return bool(in_range and np.allclose(outputs.sum(1), 1.0, atol=1e-3))


def try_out(
    model: keras.Model, settings: AnyNetwork, takes: Mapping[str, tuple[int, ...]]
) -> None:
    """Checks what the model gives for a few inputs, together and in halves.

    Args:
      model: in inference mode.
      settings: what it shall be.
      takes: the shapes of its inputs without the batch, by what they are.

    Raises:
      ConfigError: if it fails, gives no numbers, pixels outside their range or
        probabilities, or what it makes of an image depends on others or on chance.
    """
    name = settings.architecture
    inputs = [tf.constant(_drawn(settings, kind, takes[kind])) for kind in takes]
    try:
        whole = _arrays(model, inputs)
        halves = [
            _arrays(model, half)
            for half in zip(*(tf.split(one, 2) for one in inputs), strict=True)
        ]
    except Exception as error:
        raise ConfigError(
            f"{name} fails in inference mode: {type(error).__name__}: "
            f"{in_a_line(error)}"
        ) from error
    for outputs, *parts in zip(whole, *halves, strict=True):
        _require_alone(name, outputs, np.concatenate(parts))
    if isinstance(settings, GeneratorNetwork):
        _require_pixels(name, whole[0], settings)
    if isinstance(settings, ClassifierNetwork) and looks_like_probabilities(whole[0]):
        raise ConfigError(
            f"Expected {name} to give logits, got what looks like probabilities: leave "
            "the softmax out."
        )


def _arrays(model: Any, inputs: Sequence[tf.Tensor]) -> list[np.ndarray]:
    given = inputs[0] if len(inputs) == 1 else list(inputs)
    return [one.numpy() for one in tf.nest.flatten(model(given, training=False))]


def _require_alone(name: str, outputs: np.ndarray, in_halves: np.ndarray) -> None:
    if not np.isfinite(outputs).all():
        raise ConfigError(f"Expected {name} to give numbers, got some that are none.")
    difference = np.abs(in_halves - outputs).max()
    if difference > _ROUNDING * np.abs(outputs).max():
        raise ConfigError(
            f"Expected what {name} gives for an image to depend on that image alone, "
            f"but with others in its batch it differs by {difference:.3g}."
        )


def _drawn(settings: AnyNetwork, kind: str, shape: tuple[int, ...]) -> np.ndarray:
    """A few images, latents or classes, that are the same every time."""
    random = np.random.default_rng(0)
    classes = np.arange(NUM_TRIED) % (getattr(settings, "num_classes", None) or 2)
    if not shape:
        # Another class than that of an image comes after it.
        return (classes[::-1] if kind == "wrong" else classes).astype(np.int32)
    if kind == "images":
        return random.uniform(-1, 1, [NUM_TRIED, *shape]).astype(np.float32)
    latents = random.normal(size=[NUM_TRIED, *shape]).astype(np.float32)
    if getattr(settings, "num_classes", None) is not None:
        latents[:, -1] = classes
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
