"""Where chains start: noise, data or a generator."""

from collections.abc import Callable

import tensorflow as tf

from ebm_tf.config.chains import Start
from ebm_tf.protocols import Chains, Generator, InitializeFn


def started(images: tf.Tensor, latents: tf.Tensor | None = None) -> Chains:
    """Chains of age 0 at images [n, H, W, C], with latents [n, z] if there are such."""
    n = images.shape[0]
    if latents is None:
        latents = tf.zeros([n, 0])
    return Chains(images, latents, tf.zeros([n], tf.int32))


def noise_start(image_shape: tuple[int, int, int], scale: float = 1.0) -> InitializeFn:
    """Chains start from noise that is uniform in [-scale, scale]."""

    def initialize(n: int, seed: tf.Tensor) -> Chains:
        shape = (n, *image_shape)
        return started(
            tf.random.stateless_uniform(shape, seed, minval=-scale, maxval=scale)
        )

    return initialize


def data_start(images: tf.Tensor) -> InitializeFn:
    """Chains start from the first n of the given images [m, H, W, C], n <= m."""

    def initialize(n: int, seed: tf.Tensor) -> Chains:
        del seed  # which images they are was decided where they were read
        return started(images[:n])

    return initialize


def generator_start(
    generator: Generator, draw_latents: Callable[[int, tf.Tensor], tf.Tensor]
) -> InitializeFn:
    """Chains start from a generator's images and keep their latents.

    Args:
      generator: latents -> images, in inference mode.
      draw_latents: (n, seed) -> latents [n, z] of the generator's prior.
    """

    def initialize(n: int, seed: tf.Tensor) -> Chains:
        latents = draw_latents(n, seed)
        return started(generator(latents), latents)

    return initialize


def without_latents(start: InitializeFn) -> InitializeFn:
    """The same start for chains that outlive the memory of their latents."""

    def initialize(n: int, seed: tf.Tensor) -> Chains:
        return started(start(n, seed).images)

    return initialize


def initializer(
    start: Start,
    image_shape: tuple[int, int, int],
    noise_scale: float,
    generated: InitializeFn | None,
) -> Callable[[tf.Tensor], InitializeFn]:
    """Where chains start, given images [m, H, W, C] for those that start from data.

    Args:
      start: "noise", "data" or "generator".
      image_shape: height, width and channels.
      noise_scale: half-width of uniform noise.
      generated: the start from a generator, where there is one.
    """
    if start == "data":
        return data_start
    if start == "noise":
        generated = noise_start(image_shape, noise_scale)
    if generated is None:
        raise ValueError("Expected a generator where chains start from one.")
    return lambda _: generated
