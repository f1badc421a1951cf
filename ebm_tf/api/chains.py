"""Langevin chains of any energy: a function, a Keras model."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from ebm_tf import energies, pixels
from ebm_tf.api.images import as_images
from ebm_tf.api.models import Model, rounded_up
from ebm_tf.config.core import Device
from ebm_tf.config.parts import AnyLangevin
from ebm_tf.errors import ConfigError
from ebm_tf.pixels import PixelRange
from ebm_tf.protocols import Energy
from ebm_tf.runtime import seeds
from ebm_tf.runtime.distribution import make_replicas
from ebm_tf.runtime.seeds import Purpose
from ebm_tf.sampling.purifying import keys_of, purifier, step_kernel

# Images [n, H, W, C] -> energies [n] or [n, 1]; or a Keras model that does so; or a
# `Model`.
EnergyLike = Callable[..., Any] | Model


def sample(
    energy: EnergyLike,
    n: int,
    image_shape: tuple[int, int, int],
    *,
    langevin: AnyLangevin,
    num_steps: int,
    temperature: float = 1.0,
    seed: int = 0,
    pixel_range: PixelRange = "-1..1",
    batch: int = 100,
    device: Device = "auto",
) -> np.ndarray:
    """Draws images from exp(-E(x) / T) by Langevin chains from uniform noise.

    Args:
      energy: tensors [n, H, W, C] in `pixel_range` -> [n] or [n, 1], by operations of
        TensorFlow; or a Keras model; or what `load` gives. It takes each image by
        itself.
      n: how many.
      image_shape: height, width and channels.
      langevin: the step, in units of images in [-1, 1] whatever the range.
      num_steps: of each chain.
      temperature: T.
      seed: of all random numbers; those of a chain are of the seed and its place alone.
      pixel_range: of the images that the energy takes and of those returned.
      batch: chains at once, over all devices; rounded up to a multiple of these.
      device: "auto", "cpu", "gpu" or "tpu".

    Returns:
      Images float32 [n, H, W, C]; chains may leave the range a little.

    Raises:
      UserError: if the energy gives no number for each image.
    """
    key = seeds.key(seed, Purpose.STARTS)
    noise = tf.random.stateless_uniform([n, *image_shape], key, -1.0, 1.0).numpy()
    return purified(
        energy,
        pixels.to_range(noise, pixel_range),
        langevin=langevin,
        num_steps=num_steps,
        temperature=temperature,
        seed=seed,
        pixel_range=pixel_range,
        batch=batch,
        device=device,
    )


def purified(
    energy: EnergyLike,
    images: npt.ArrayLike,
    *,
    langevin: AnyLangevin,
    num_steps: int,
    temperature: float = 1.0,
    start_noise: float = 0.0,
    seed: int = 0,
    pixel_range: PixelRange = "-1..1",
    batch: int = 100,
    device: Device = "auto",
) -> np.ndarray:
    """Moves images by Langevin steps that descend an energy (Hill et al., 2021).

    Args:
      energy: as `sample` takes it.
      images: [n, H, W, C] or [n, H, W], floats in `pixel_range` or bytes.
      langevin: the step, in units of images in [-1, 1] whatever the range.
      num_steps: of each chain.
      temperature: by which the energy is divided.
      start_noise: standard deviation of normal noise before the first step, in units
        of images in [-1, 1].
      seed: of the noise; that of an image is of the seed and its place alone.
      pixel_range: of the images that the energy takes, of those given and returned.
      batch: chains at once, over all devices; rounded up to a multiple of these.
      device: "auto", "cpu", "gpu" or "tpu".

    Returns:
      Images float32 [n, H, W, C]; they may leave the range a little.

    Raises:
      UserError: if images do not fit, or the energy gives no number for each.
    """
    found = as_images(images, pixel_range)
    replicas = make_replicas(device)
    run = purifier(
        step_kernel(langevin, as_energy(energy, pixel_range, temperature)),
        replicas,
        rounded_up(batch, replicas),
        num_steps=num_steps,
        start_noise=start_noise,
    )
    return pixels.to_range(
        run(found, keys_of(seed, np.arange(len(found)))), pixel_range
    )


def as_energy(
    energy: EnergyLike, pixel_range: PixelRange, temperature: float = 1.0
) -> Energy:
    """An energy of images in [-1, 1], over its temperature, of what a script has."""
    if temperature <= 0:
        raise ConfigError(f"Expected temperature={temperature} > 0.")
    if isinstance(energy, Model):
        return energies.tempered(energy.networks.energy, temperature)
    call = in_inference(energy)

    def of_images(images: tf.Tensor) -> tf.Tensor:
        values = tf.convert_to_tensor(call(pixels.to_range(images, pixel_range)))
        num = images.shape[0]
        if values.shape.as_list() not in ([num], [num, 1]):
            raise ConfigError(
                f"Expected an energy that gives one number for each of {num} images, "
                f"got an output of the shape {values.shape.as_list()}."
            )
        return tf.cast(tf.reshape(values, [num]), tf.float32) / temperature

    return of_images


def in_inference(model: Callable[..., Any]) -> Callable[[tf.Tensor], Any]:
    """A function as it is; a Keras model or layer in inference mode."""
    if isinstance(model, keras.Layer):
        return lambda images: model(images, training=False)
    return model
