"""Langevin dynamics: the one kernel that every sampler of this project runs."""

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

import tensorflow as tf

from ebm_tf.kernels import Kernel, iterate
from ebm_tf.protocols import Energy

# (shape, key of the step) -> standard normal numbers of that shape.
DrawFn = Callable[[tf.Tensor, tf.Tensor], tf.Tensor]


class LangevinInfo(NamedTuple):
    """Diagnostics of a step.

    Attributes:
      energy: float32 [n], of the images before the step.
      drift_norm: float32 [n], the way that the drift moved each image.
    """

    energy: tf.Tensor
    drift_norm: tf.Tensor


def langevin(
    energy: Energy,
    *,
    drift: float,
    noise: float,
    max_drift: float | None = None,
    draw: DrawFn = tf.random.stateless_normal,
) -> Kernel:
    """The unadjusted Langevin step x <- x - drift * dV/dx + noise * z, z ~ N(0, I).

    With drift = noise^2 / 2 its continuous limit samples exp(-V) (Roberts and
    Tweedie, 1996). With noise = 0 it is gradient descent, used to denoise.

    Args:
      energy: V, already divided by its temperature.
      drift: factor of the gradient.
      noise: standard deviation of the noise.
      max_drift: bound on the Euclidean norm of one image's drift.
      draw: z; of one key for the whole batch unless said otherwise.

    Returns:
      A kernel whose state is the images, float32 [n, H, W, C].
    """

    def init(images: tf.Tensor) -> tuple[tf.Tensor, LangevinInfo]:
        nothing = tf.zeros(images.shape[:1])
        return images, LangevinInfo(nothing, nothing)

    def step(images: tf.Tensor, seed: tf.Tensor) -> tuple[tf.Tensor, LangevinInfo]:
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(images)
            energies = energy(images)
        displacement = drift * tape.gradient(energies, images)
        axes = list(range(1, images.shape.rank))
        if max_drift is not None:
            displacement = _limited(displacement, max_drift, axes)
        moved = images - displacement
        if noise:
            moved += noise * draw(tf.shape(images), seed)
        norms = tf.sqrt(tf.reduce_sum(tf.square(displacement), axes))
        return moved, LangevinInfo(energies, norms)

    return Kernel(init, step)


def _limited(displacement: tf.Tensor, most: float, axes: list[int]) -> tf.Tensor:
    """The displacement [n, ...], shortened where its norm is above `most`."""
    # Divided by the largest entry, so that the square of a huge one does not overflow.
    largest = tf.reduce_max(tf.abs(displacement), axes, keepdims=True)
    unit = tf.math.divide_no_nan(displacement, largest)
    norm = largest * tf.sqrt(tf.reduce_sum(tf.square(unit), axes, keepdims=True))
    return tf.where(norm > most, displacement * (most / norm), displacement)


class Sampler(Protocol):
    """A compiled `SampleFn` that can go on with chains.

    The key of a step is that of its absolute index, so that a chain which is cut into
    pieces is the same chain.
    """

    def __call__(
        self,
        images: tf.Tensor,
        num_steps: int | tf.Tensor,
        seed: tf.Tensor,
        *,
        start: int | tf.Tensor = 0,
    ) -> tuple[tf.Tensor, Any]:
        """Moves the images by steps of which the first has the index `start`."""
        ...


def sampler(kernel: Kernel, *, jit: bool) -> Sampler:
    """Compiles a kernel into a function that moves images by any number of steps.

    Args:
      kernel: of any sampler.
      jit: whether XLA compiles it: faster on GPU and TPU, slower on CPU.
    """

    @tf.function(jit_compile=jit, autograph=False)
    def sample(
        images: tf.Tensor, num_steps: tf.Tensor, seed: tf.Tensor, start: tf.Tensor
    ) -> tuple[tf.Tensor, Any]:
        state, info = kernel.init(images)
        return iterate(kernel, state, info, num_steps, seed, start=start)

    def move(
        images: tf.Tensor,
        num_steps: int | tf.Tensor,
        seed: tf.Tensor,
        *,
        start: int | tf.Tensor = 0,
    ) -> tuple[tf.Tensor, Any]:
        # A Python number would be traced anew for every value.
        counts = (tf.convert_to_tensor(n, tf.int32) for n in (num_steps, start))
        num_steps, start = counts
        return sample(images, num_steps, seed, start)

    return move
