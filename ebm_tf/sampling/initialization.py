"""Where chains start: noise, data or a generator."""

from collections.abc import Callable

import tensorflow as tf

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
    return lambda n, seed: started(images[:n])


def generator_start(
    generator: Generator,
    draw_latents: Callable[[int, tf.Tensor], tf.Tensor],
    *,
    keep_latents: bool = True,
) -> InitializeFn:
    """Chains start from a generator's images.

    Args:
      generator: latents -> images, in inference mode.
      draw_latents: (n, seed) -> latents [n, z] of the generator's prior.
      keep_latents: whether chains remember the latents that they began from.
    """

    def initialize(n: int, seed: tf.Tensor) -> Chains:
        latents = draw_latents(n, seed)
        return started(generator(latents), latents if keep_latents else None)

    return initialize
