"""Langevin steps in front of a classifier, which remove an attack from images."""

from collections.abc import Callable

import numpy as np
import tensorflow as tf

from ebm_tf import keyed_noise
from ebm_tf.kernels import Kernel, iterate, there_and_back
from ebm_tf.protocols import Defense, SamplingState

# What draws the noise of a step, (shape, key of the step) -> noise, -> the kernel.
KernelFn = Callable[[Callable[[tf.Tensor, tf.Tensor], tf.Tensor]], Kernel]

# Of which the keys of steps are made; images differ by their seeds.
_SHARED_KEY = np.zeros([2], np.int32)

# Folded into the seeds of images for what is added before the first step. The keys of
# steps are two words deep, so that none of them draws by this one.
_START = 0

# (images, seeds, purified images -> a gradient there) -> that gradient at the images.
DefenseGradient = Callable[
    [tf.Tensor, tf.Tensor, Callable[[tf.Tensor], tf.Tensor]], tf.Tensor
]


def purification(
    kernel: KernelFn, num_steps: int, *, start_noise: float = 0.0
) -> Defense:
    """A number of Langevin steps (Hill et al., 2021); 0 takes none.

    The noise of a step is a function of the image's seed and of the step alone.

    Args:
      kernel: of the steps.
      num_steps: how many.
      start_noise: standard deviation of normal noise, of the image's seed alone, that
        is added before the first step, as where an image is refined by the energy of
        its own classifier (Grathwohl et al., 2020).
    """

    def purify(images: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        images = _started(images, seed, start_noise)
        if not num_steps:
            return images
        chain = _chain(kernel, images, seed)
        state, _ = iterate(chain, *chain.init(images), num_steps, _SHARED_KEY)
        return state.images

    return purify


def purification_gradient(
    kernel: KernelFn,
    num_steps: int,
    *,
    start_noise: float = 0.0,
    segment: int | None = None,
    back: KernelFn | None = None,
) -> DefenseGradient:
    """What differentiates through all of the same purification, exactly.

    Args:
      kernel: of the steps.
      num_steps: how many.
      start_noise: as for `purification`.
      segment: steps between the states that are kept, as `there_and_back` has it.
      back: the kernel that is differentiated at the states of the other, where that
        has no curvature; the same if None.
    """

    def gradient(
        images: tf.Tensor, seed: tf.Tensor, at_end: Callable[[tf.Tensor], tf.Tensor]
    ) -> tf.Tensor:
        images = _started(images, seed, start_noise)  # whose derivative is 1
        if not num_steps:
            return at_end(images)
        chain = _chain(kernel, images, seed)
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(images)
            first, info = chain.init(images)

        def slope_at(last: SamplingState) -> SamplingState:
            # Only the images at the end count, not what the chain would carry further.
            slope = tf.nest.map_structure(tf.zeros_like, last)
            return slope._replace(images=at_end(last.images))

        slope = there_and_back(
            chain,
            first,
            info,
            num_steps,
            _SHARED_KEY,
            slope_at,
            segment=segment,
            back=_chain(back or kernel, images, seed),
        )
        return tape.gradient(first, images, output_gradients=slope)

    return gradient


def _started(images: tf.Tensor, seed: tf.Tensor, stddev: float) -> tf.Tensor:
    """Where chains begin."""
    if not stddev:
        return images
    keys = keyed_noise.fold_in(seed, _START)
    return images + stddev * keyed_noise.normal(keys, images.shape[1:])


def _chain(kernel: KernelFn, images: tf.Tensor, seed: tf.Tensor) -> Kernel:
    """The kernel whose noise is of the seeds [n, 2] of the images."""

    def draw(shape: tf.Tensor, step_key: tf.Tensor) -> tf.Tensor:
        del shape  # that of the images
        keys = keyed_noise.fold_in(seed, step_key[0])
        keys = keyed_noise.fold_in(keys, step_key[1])
        return keyed_noise.normal(keys, images.shape[1:])

    return kernel(draw)
