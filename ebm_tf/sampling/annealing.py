"""Chains from noise to images by steps that shrink (Song and Ermon, 2019)."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from ebm_tf.kernels import trace
from ebm_tf.protocols import Energy
from ebm_tf.sampling.initialization import noise_start
from ebm_tf.sampling.langevin import clipped_langevin

NUM_STEPS = 30  # of a level
FRAME_EVERY = 10
BOUND = 1.0  # images stay in [-1, 1]


class Level(NamedTuple):
    """What all steps of a noise level have.

    Attributes:
      drift: factor of the energy's gradient.
      noise: standard deviation of the noise.
    """

    drift: float
    noise: float


def levels(
    first: float = 1.0,
    last: float = 0.1,
    num_levels: int = 10,
    *,
    drift: float = 0.01,
    noise: float = 0.01,
) -> list[Level]:
    """Noise levels that are even on a logarithmic scale.

    The drift of level s is drift * (s / last)^2, that is 1 to 0.01 where nothing else
    is said; the noise is that factor of it, less than Langevin dynamics would have, at
    which images stay noise.

    Args:
      first: noise level.
      last: noise level, whose drift is given.
      num_levels: how many.
      drift: of the last level.
      noise: as a share of the drift.
    """
    scales = np.geomspace(first, last, num_levels)
    drifts = drift * (scales / last) ** 2
    return [Level(float(step), float(noise * step)) for step in drifts]


def annealed_frames(energy: Energy, images: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    """Chains on their way through all levels: float32 [time, n, H, W, C].

    Args:
      energy: divided by its temperature.
      images: where they start, [n, H, W, C]; they are the first frame.
      seed: int32 [2].
    """
    frames = [images[None]]
    for index, level in enumerate(levels()):
        kernel = clipped_langevin(energy, **level._asdict(), image_bound=BOUND)
        state, info = kernel.init(images)
        key = tf.random.fold_in(seed, index)
        number = NUM_STEPS // FRAME_EVERY
        state, _, (records, _) = trace(
            kernel, state, info, number, key, every=FRAME_EVERY
        )
        frames.append(records.images)
        images = state.images
    return tf.concat(frames, 0)


def from_noise(
    energy: Energy, image_shape: tuple[int, int, int], n: int
) -> Callable[[tf.Tensor], tf.Tensor]:
    """Compiles n such chains from noise: seed -> frames of `annealed_frames`."""

    @tf.function(autograph=False)
    def frames(seed: tf.Tensor) -> tf.Tensor:
        keys = tf.unstack(tf.random.split(seed, 2))
        begun = noise_start(image_shape)(n, keys[0])
        return annealed_frames(energy, begun.images, keys[1])

    return frames
