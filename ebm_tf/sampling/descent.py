"""Steps of one length down an energy, near where they began."""

import tensorflow as tf

from ebm_tf.attacks import balls
from ebm_tf.kernels import Kernel
from ebm_tf.protocols import Energy, SamplingState
from ebm_tf.sampling.langevin import LangevinInfo


def energy_descent(energy: Energy, *, step: float, radius: float) -> Kernel:
    """The step x <- x - step * g / |g|, g = dE/dx, clipped, and kept near its start.

    Pixels are kept in [-1, 1] and then the way from the start is shortened to the
    radius. Source: ET3 (arXiv:2603.26984), whose images are in [0, 1].

    Args:
      energy: whose factor does not matter.
      step: the Euclidean length of a step, in units of images in [-1, 1].
      radius: the farthest from the start, likewise.

    Returns:
      A kernel whose carry is the images at the start, and which draws nothing.
    """

    def init(images: tf.Tensor) -> tuple[SamplingState, LangevinInfo]:
        nothing = tf.zeros(images.shape[:1])
        return SamplingState(images, images), LangevinInfo(nothing, nothing)

    def move(
        state: SamplingState, seed: tf.Tensor
    ) -> tuple[SamplingState, LangevinInfo]:
        del seed
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(state.images)
            values = energy(state.images)
        gradient = tape.gradient(values, state.images)
        around = balls.ball("l2", tf.fill(state.images.shape[:1], radius))
        moved = around.ascend(state.images, -gradient, step)
        moved = around.project(tf.clip_by_value(moved, -1.0, 1.0), state.carry)
        norms = balls.euclidean(moved, state.images)
        return SamplingState(moved, state.carry), LangevinInfo(values, norms)

    return Kernel(init, move)
