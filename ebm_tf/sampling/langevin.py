"""Langevin dynamics: kernels, what stops them, and what runs them."""

from collections.abc import Callable
from typing import Any, NamedTuple

import tensorflow as tf

from ebm_tf.kernels import Kernel, iterate
from ebm_tf.protocols import Chains, Energy, SampleFn, SamplingState

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
      draw: z; by default of one key for the whole batch.

    Returns:
      A kernel whose state has no carry.
    """

    def init(images: tf.Tensor) -> tuple[SamplingState, LangevinInfo]:
        return SamplingState(images), _no_info(images)

    def step(
        state: SamplingState, seed: tf.Tensor
    ) -> tuple[SamplingState, LangevinInfo]:
        energies, displacement = _descent(energy, state.images, drift, max_drift)
        moved = state.images - displacement
        if noise:
            moved += noise * draw(tf.shape(moved), seed)
        return SamplingState(moved), LangevinInfo(energies, _norms(displacement))

    return Kernel(init, step)


def momentum_langevin(
    energy: Energy,
    *,
    drift: float,
    noise: float,
    momentum: float,
    max_drift: float | None = None,
    max_step: float | None = None,
    image_bound: float | None = None,
    draw: DrawFn = tf.random.stateless_normal,
) -> Kernel:
    """V <- momentum * v - drift * dV/dx, x <- clip(x + clip(v + noise * z)), v_0 = 0.

    A steady gradient ends up moving images by drift / (1 - momentum) times itself.
    With bounds it is the sampler of Mirza et al. (2024): in images in [-1, 1] their
    eta is drift / 2, and their noise, sqrt(2 eta) sigma, is noise / 2.

    Args:
      energy: V, already divided by its temperature.
      drift: factor of the gradient.
      noise: standard deviation of the noise, which v does not remember.
      momentum: in [0, 1); with 0 and no bounds this is `langevin`, bit for bit.
      max_drift: bound on the Euclidean norm of one image's drift * gradient.
      max_step: bound on each entry of v + noise * z; v itself keeps its length.
      image_bound: bound on each entry of the images.
      draw: z; by default of one key for the whole batch.

    Returns:
      A kernel whose carry is v, float32 [n, H, W, C]. The drift_norm of its info is
      the norm of v.
    """

    def descent(images: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        return _descent(energy, images, drift, max_drift)

    return _with_momentum(descent, noise, momentum, max_step, image_bound, draw)


def heun_langevin(
    energy: Energy,
    *,
    drift: float,
    max_drift: float | None = None,
    noise: float,
    momentum: float,
    max_step: float | None = None,
    image_bound: float | None = None,
    draw: DrawFn = tf.random.stateless_normal,
) -> Kernel:
    """`momentum_langevin` along (g(x) + g(x - drift * g(x))) / 2, g = dV/dx.

    Without noise and momentum it is Heun's method for dx/dt = -g, of second order in
    the drift. The energies of its info are those before the step; for arguments see
    there, `max_drift` bounds each of the two.
    """

    def descent(images: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        energies, first = _descent(energy, images, drift, max_drift)
        _, second = _descent(energy, images - first, drift, max_drift)
        return energies, 0.5 * (first + second)

    return _with_momentum(descent, noise, momentum, max_step, image_bound, draw)


def _with_momentum(
    descent: Callable[[tf.Tensor], tuple[tf.Tensor, tf.Tensor]],
    noise: float,
    momentum: float,
    max_step: float | None,
    image_bound: float | None,
    draw: DrawFn,
) -> Kernel:
    """A kernel with a velocity; `descent` gives energies and displacements."""

    def init(images: tf.Tensor) -> tuple[SamplingState, LangevinInfo]:
        return SamplingState(images, tf.zeros_like(images)), _no_info(images)

    def step(
        state: SamplingState, seed: tf.Tensor
    ) -> tuple[SamplingState, LangevinInfo]:
        energies, displacement = descent(state.images)
        velocity = momentum * state.carry - displacement
        info = LangevinInfo(energies, _norms(velocity))
        if max_step is None:
            moved = state.images + velocity
            if noise:
                moved += noise * draw(tf.shape(moved), seed)
        else:
            way = velocity
            if noise:
                way += noise * draw(tf.shape(way), seed)
            moved = state.images + _within(way, max_step)
        if image_bound is not None:
            moved = _within(moved, image_bound)
        return SamplingState(moved, velocity), info

    return Kernel(init, step)


def clipped_langevin(
    energy: Energy,
    *,
    drift: float,
    noise: float,
    max_drift: float | None = None,
    max_gradient: float | None = None,
    image_bound: float | None = None,
    draw: DrawFn = tf.random.stateless_normal,
) -> Kernel:
    """X <- clip(x - drift * clip(dV/dx) + noise * z), entry by entry.

    While the gradient stays as it is, n such steps without noise are one of n times
    the drift, of images within the bound.

    Args:
      energy: V, already divided by its temperature.
      drift: factor of the clipped gradient.
      noise: standard deviation of the noise.
      max_drift: bound on the Euclidean norm of one image's drift.
      max_gradient: bound on each entry of the gradient; none if None.
      image_bound: bound on each entry of the images; none if None. Without both this
        is `langevin`, bit for bit.
      draw: z; by default of one key for the whole batch.

    Returns:
      A kernel whose state has no carry. The drift_norm of its info is that of the
      drift, before images are kept within their bound.
    """

    def init(images: tf.Tensor) -> tuple[SamplingState, LangevinInfo]:
        return SamplingState(images), _no_info(images)

    def step(
        state: SamplingState, seed: tf.Tensor
    ) -> tuple[SamplingState, LangevinInfo]:
        energies, displacement = _descent(
            energy, state.images, drift, max_drift, max_gradient
        )
        moved = state.images - displacement
        if noise:
            moved += noise * draw(tf.shape(moved), seed)
        if image_bound is not None:
            moved = _within(moved, image_bound)
        return SamplingState(moved), LangevinInfo(energies, _norms(displacement))

    return Kernel(init, step)


def stopping(kernel: Kernel, is_final: Callable[[tf.Tensor], tf.Tensor]) -> Kernel:
    """The kernel, but an image stays where it is once `is_final` held there.

    Args:
      kernel: of `SamplingState`s.
      is_final: images [n, H, W, C] -> bool [n], asked before every step.

    Returns:
      A kernel whose carry is that of the other and bool [n], which images have
      stopped; for these its info is that of a step that was not taken.
    """

    def init(images: tf.Tensor) -> tuple[SamplingState, LangevinInfo]:
        state, info = kernel.init(images)
        stopped = tf.zeros(images.shape[:1], tf.bool)
        return SamplingState(images, (state.carry, stopped)), info

    def step(
        state: SamplingState, seed: tf.Tensor
    ) -> tuple[SamplingState, LangevinInfo]:
        before, stopped = SamplingState(state.images, state.carry[0]), state.carry[1]
        stopped |= is_final(state.images)
        moved, info = kernel.step(before, seed)
        kept = tf.nest.map_structure(
            lambda old, new: tf.where(_like(stopped, new), old, new), before, moved
        )
        info = info._replace(drift_norm=tf.where(stopped, 0.0, info.drift_norm))
        return SamplingState(kept.images, (kept.carry, stopped)), info

    return Kernel(init, step)


def _like(rows: tf.Tensor, tensor: tf.Tensor) -> tf.Tensor:
    """Values [n], shaped to go with a tensor [n, ...]."""
    return tf.reshape(rows, [-1] + [1] * (tensor.shape.rank - 1))


def _no_info(images: tf.Tensor) -> LangevinInfo:
    nothing = tf.zeros(images.shape[:1])
    return LangevinInfo(nothing, nothing)


def _descent(
    energy: Energy,
    images: tf.Tensor,
    drift: float,
    max_drift: float | None,
    max_gradient: float | None = None,
) -> tuple[tf.Tensor, tf.Tensor]:
    """Energies [n] of images, and drift * gradient [n, ...], bounded where asked."""
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(images)
        energies = energy(images)
    gradient = tape.gradient(energies, images)
    if max_gradient is not None:
        gradient = _within(gradient, max_gradient)
    displacement = drift * gradient
    if max_drift is not None:
        displacement = _limited(displacement, max_drift)
    return energies, displacement


def _norms(displacement: tf.Tensor) -> tf.Tensor:
    axes = list(range(1, displacement.shape.rank))
    return tf.sqrt(tf.reduce_sum(tf.square(displacement), axes))


def _limited(displacement: tf.Tensor, most: float) -> tf.Tensor:
    """The displacement [n, ...], shortened where its norm is above `most`."""
    axes = list(range(1, displacement.shape.rank))
    # Divided by the largest entry, so that the square of a huge one does not overflow.
    largest = tf.reduce_max(tf.abs(displacement), axes, keepdims=True)
    unit = tf.math.divide_no_nan(displacement, largest)
    norm = largest * tf.sqrt(tf.reduce_sum(tf.square(unit), axes, keepdims=True))
    return tf.where(norm > most, displacement * (most / norm), displacement)


def _within(tensor: tf.Tensor, bound: float) -> tf.Tensor:
    """The tensor with each entry kept in [-bound, bound]; a NaN stays one."""
    # Not `clip_by_value`: XLA's minimum and maximum may make a number of a NaN.
    low = tf.where(tensor < -bound, tf.cast(-bound, tensor.dtype), tensor)
    return tf.where(low > bound, tf.cast(bound, tensor.dtype), low)


def sampler(kernel: Callable[[Any], Kernel], *, jit: bool) -> SampleFn:
    """Compiles a kernel into a function that moves chains by any number of steps.

    Args:
      kernel: labels of chains -> what samples them; labels are () where there are
        none.
      jit: whether XLA compiles it: faster on GPU and TPU, slower on CPU.
    """

    @tf.function(jit_compile=jit, autograph=False)
    def sample(
        state: SamplingState,
        labels: Any,
        num_steps: tf.Tensor,
        seed: tf.Tensor,
        start: tf.Tensor,
    ) -> tuple[SamplingState, Any]:
        step = kernel(labels)
        _, info = step.init(state.images)
        return iterate(step, state, info, num_steps, seed, start=start)

    def move(
        chains: Chains,
        num_steps: int | tf.Tensor,
        seed: tf.Tensor,
        *,
        start: int | tf.Tensor = 0,
    ) -> tuple[Chains, Any]:
        # A Python number would be traced for every value.
        counts = (tf.convert_to_tensor(n, tf.int32) for n in (num_steps, start))
        num_steps, start = counts
        state = SamplingState(chains.images, chains.carry)
        state, info = sample(state, chains.labels, num_steps, seed, start)
        return chains._replace(**state._asdict()), info

    return move
