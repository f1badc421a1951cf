"""Where chains start: noise, data, a Gaussian of each class, or a generator."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
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


class ClassGaussians(NamedTuple):
    """A normal distribution of the images of each class (Yang and Ji, 2021).

    Attributes:
      means: float32 [k, D], of the D numbers of an image.
      factors: float32 [k, p, D]; the covariance of a class is F^T F + ridge^2 I. It has
        p <= D rows, so that no class needs more than its images.
    """

    means: np.ndarray
    factors: np.ndarray


RIDGE = 0.01  # deviation of the noise that is added in every direction


def class_gaussians(
    images: np.ndarray, labels: np.ndarray, num_classes: int
) -> ClassGaussians:
    """The mean and the covariance, that of maximum likelihood, of each class.

    Args:
      images: float32 [N, H, W, C].
      labels: integers [N], at least one of each class.
      num_classes: k.
    """
    means, factors = [], []
    for label in range(num_classes):
        vectors = images[labels == label].reshape(-1, images[0].size)
        means.append(vectors.mean(0, dtype=np.float64))
        rows = (vectors - means[-1]) / np.sqrt(len(vectors))
        # R of X = Q R has the same R^T R, and no more rows than columns.
        factors.append(np.linalg.qr(rows, mode="r") if len(rows) > 1 else rows)
    most = max(len(rows) for rows in factors)
    padded = [np.pad(rows, ((0, most - len(rows)), (0, 0))) for rows in factors]
    return ClassGaussians(np.array(means, np.float32), np.array(padded, np.float32))


def class_gaussian_start(
    gaussians: ClassGaussians,
    image_shape: tuple[int, int, int],
    first: tf.Tensor,
    *,
    ridge: float = RIDGE,
) -> InitializeFn:
    """Chain i starts from the Gaussian of class (first + i) mod k, cut to [-1, 1]."""
    num_classes, rank, size = gaussians.factors.shape

    def initialize(n: int, seed: tf.Tensor) -> Chains:
        keys = tf.unstack(tf.random.split(seed, 2))
        of_each = -(-n // num_classes)
        shape = [num_classes, of_each, rank]
        numbers = tf.random.stateless_normal(shape, keys[0])
        drawn = tf.matmul(numbers, gaussians.factors) + gaussians.means[:, None]
        vectors = in_turn(drawn, n, first)
        if ridge:
            vectors += ridge * tf.random.stateless_normal([n, size], keys[1])
        images = tf.reshape(vectors, [n, *image_shape])
        return started(tf.clip_by_value(images, -1.0, 1.0))

    return initialize


def in_turn(drawn: tf.Tensor, n: int, first: tf.Tensor) -> tf.Tensor:
    """Of what was drawn for each class [k, m, ...], n <= k m rows: classes in turn.

    Row i is the (i // k)-th that was drawn for class (first + i) mod k.
    """
    places, num_classes = tf.range(n), drawn.shape[0]
    classes = (places + first % num_classes) % num_classes
    return tf.gather_nd(drawn, tf.stack([classes, places // num_classes], axis=-1))
